import { describe, expect, test } from 'vitest'
import { formatJson, parseJson } from './json'

describe('integers', () => {
  test.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['18446744073709551615', 18446744073709551615n],
    ['12345678901234567.5', 12345678901234567.5],
    ['1e20', 1e20],
  ])('%s is kept', (text, value) => {
    expect(parseJson(text)).toBe(value)
    expect(parseJson(`{"n": [${text}]}`)).toEqual({ n: [value] })
  })

  test('what is read is written as it was', () => {
    const text = '{"id":9007199254740993,"s":"\\u2028 \\"12345678901234567\\"","l":[true,null,{}],"__proto__":{"a":1}}'
    expect(parseJson(formatJson(parseJson(text)))).toEqual(parseJson(text))
    expect(formatJson(parseJson(text))).toContain('"id":9007199254740993')
    expect(Object.keys(parseJson(text) as object)).toContain('__proto__')
  })
})

test.each([
  '',
  '{',
  '[1',
  '{"a" 1}',
  '{1:2}',
  '[1,]',
  '1 2',
  '[1}',
  'nul',
  '01',
  '[12345678901234567]]]',
  '['.repeat(600),
])('malformed text is refused: %.20s', (text) => {
  expect(() => parseJson(`${text} `)).toThrow(SyntaxError)
  expect(() => parseJson(`[12345678901234567, ${text}`)).toThrow(SyntaxError)
})

test('indented, with what JSON lacks left out', () => {
  expect(formatJson({ a: [1, 2n], b: undefined, c: {} }, 2)).toBe('{\n  "a": [\n    1,\n    2\n  ],\n  "c": {}\n}')
})
