import { expect, test } from 'vitest'
import type { TemplateSummary } from '../services/api'
import { widerNames } from '../store/templates'
import { formOf, keyOf, languageOf, messagesOf, nameOf, sorted, tagOf, textsOf, withField } from './rules'

test.each([
  ['payroll.email', { event: 'payroll', channel: 'email', locale: '' }],
  ['alert.sms.de-CH', { event: 'alert', channel: 'sms', locale: 'de-CH' }],
])('%s is read and written', (name, key) => {
  expect(keyOf(name)).toEqual(key)
  expect(nameOf(key)).toBe(name)
})

test.each([
  ['de', 'de'], ['DE-ch', 'de-CH'], [' pt-br ', 'pt-BR'], ['zh-hant-tw', 'zh-Hant-TW'],
  ['', null], ['german', null], ['d', null], ['de_CH', null], ['de-', null], ['x-private', null],
])('%j is the language %j', (text, tag) => {
  expect(tagOf(text)).toBe(tag)
})

test('a language has a name for people', () => {
  expect([languageOf('de-CH'), languageOf(''), languageOf('fr')]).toEqual(['Swiss High German', 'All others', 'French'])
})

test('a template that nobody has made begins with the nearest wider one', () => {
  expect(widerNames('payroll.email.zh-Hant-TW')).toEqual(['payroll.email.zh-Hant', 'payroll.email.zh', 'payroll.email'])
  expect(widerNames('payroll.email')).toEqual([])
})

test('mail is sent with all its texts, empty ones as none; other channels have a text alone', () => {
  const form = formOf({ subject: 'S', text: 'T', html: null })
  expect(textsOf('email', form)).toEqual({ subject: 'S', text: 'T', html: null })
  expect(textsOf('sms', { ...form, text: '' })).toEqual({ text: '' })
})

test('messages are listed once, templates by event, channel and language', () => {
  const list = ['payroll.email', 'alert.sms', 'payroll.email.de', 'alert.email', 'alert.sms.de'].map(
    (template) => ({ template, ...keyOf(template) }) as TemplateSummary,
  )
  expect(messagesOf(list).map(nameOf)).toEqual(['alert.email', 'alert.sms', 'payroll.email'])
  expect(sorted(list).map(({ template }) => template)).toEqual([
    'alert.email', 'alert.sms', 'alert.sms.de', 'payroll.email', 'payroll.email.de',
  ])
})

test.each([
  ['period', 'Pay {{period}}!', 14],
  ['items', 'Pay {{#items}}\n{{/items}}\n!', 26],
  ['items.subject', 'Pay {{subject}}!', 15],
])('%s is put where the cursor is', (name, text, at) => {
  expect(withField('Pay XX!', 4, 6, name)).toEqual({ text, at })
})
