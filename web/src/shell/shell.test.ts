import { expect, test } from 'vitest'
import { formatHash, leaves, parseHash } from './route'
import { cleanToken, isExpired, readClaims } from './session'

const jwt = (claims: unknown) => `e30.${btoa(JSON.stringify(claims)).replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_')}.c2ln`

test.each([
  ['', 'overview', ''],
  ['#/jobs', 'jobs', ''],
  ['#/jobs?status=failed&page=2', 'jobs', 'status=failed&page=2'],
  ['#jobs', 'jobs', ''],
  ['#/nowhere?x=1', 'overview', 'x=1'],
])('%s is %s', (hash, view, params) => {
  const route = parseHash(hash)
  expect([route.view, route.params.toString()]).toEqual([view, params])
})

test.each([
  ['#/jobs', '#/schedules', undefined, true],
  ['#/jobs?job=1', '#/jobs', undefined, false],
  ['#/templates?template=a', '#/templates', 'template', true],
  ['#/templates?template=a&x=1', '#/templates?template=a', 'template', false],
])('from %s to %s leaves what hangs on %s: %s', (from, to, part, left) => {
  expect(leaves(parseHash(from), parseHash(to), part)).toBe(left)
})

test('an address is read as it was written', () => {
  const hash = formatHash('dead-letters', { job_type: 'a&b=c', cause: 'permanent' })
  expect(Object.fromEntries(parseHash(hash).params)).toEqual({ job_type: 'a&b=c', cause: 'permanent' })
})

test('claims are read from a token', () => {
  const claims = readClaims(jwt({ sub: 'zoe', org: 'demo', roles: ['SystemAdmin', 5], exp: 100 }))
  expect(claims).toEqual({ sub: 'zoe', org: 'demo', roles: ['SystemAdmin'], exp: 100 })
  expect([isExpired(claims, 99_999), isExpired(claims, 100_000)]).toEqual([false, true])
})

test.each(['', 'x', 'a.b', 'a.b.c.d', 'a.!!.c', `a.${btoa('[')}.c`, `a.${btoa('null')}.c`])('%j is no token', (token) => {
  expect(readClaims(token)).toBeNull()
})

test.each([' a.b.c\n', '"a.b.c"', 'Bearer a.b.c', 'bearer  a.b\n.c'])('%j is cleaned', (pasted) => {
  expect(cleanToken(pasted)).toBe('a.b.c')
})
