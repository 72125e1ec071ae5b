import { expect, test } from 'vitest'
import type { Provider, ProviderAccount } from '../services/api'
import { MASK } from '../ui/Secret'
import { configPatch, fieldsOf, formOf, summaryOf, updateOf, validate } from './account'

const SMTP = {
  name: 'smtp',
  channel: 'email',
  help: '',
  config_schema: {
    properties: {
      host: { type: 'string', minLength: 1, maxLength: 255, description: 'Mail server' },
      port: { type: ['integer', 'null'], minimum: 1, maximum: 65535, default: 587 },
      security: { type: ['string', 'null'], enum: ['starttls', 'tls', 'none', null], default: 'starttls' },
      username: { type: ['string', 'null'], minLength: 1, maxLength: 255 },
      password: { type: ['string', 'null'], minLength: 1, maxLength: 1024, writeOnly: true },
    },
  },
  account: null,
} as Provider
const FIELDS = fieldsOf(SMTP)
const ACCOUNT = {
  provider: 'smtp', position: 2, enabled: true, max_per_second: null,
  config: { host: 'mail.example', port: 25, security: 'tls', username: 'u', password: MASK },
} as unknown as ProviderAccount
const STORED = formOf(FIELDS, ACCOUNT)
const EMPTY = formOf(FIELDS, null)

test('a schema says which members are needed, secret, numbers or choices', () => {
  expect(FIELDS.map(({ name, kind, needed, secret }) => [name, kind, needed, secret])).toEqual([
    ['host', 'text', true, false],
    ['port', 'number', false, false],
    ['security', 'choice', false, false],
    ['username', 'text', false, false],
    ['password', 'text', false, true],
  ])
  expect(FIELDS[2]?.choices).toEqual(['starttls', 'tls', 'none'])
})

test('what is stored is what the form shows, and unchanged it is nothing to send', () => {
  expect(STORED).toMatchObject({ 'config/port': '25', 'config/password': MASK, position: '2', enabled: 'true', max_per_second: '' })
  expect(updateOf(FIELDS, ACCOUNT, STORED)).toEqual({})
})

test.each([
  ['another port', { 'config/port': '2525' }, { config: { port: 2525 } }],
  ['no port', { 'config/port': '' }, { config: { port: null } }],
  ['another secret', { 'config/password': 'new' }, { config: { password: 'new' } }],
  ['a secret removed', { 'config/password': '' }, { config: { password: null } }],
  ['switched off', { enabled: 'false' }, { enabled: false }],
  ['a place and a rate', { position: '0', max_per_second: '5' }, { position: 0, max_per_second: 5 }],
])('%s is sent, and nothing else', (_, changes, update) => {
  expect(updateOf(FIELDS, ACCOUNT, { ...STORED, ...changes })).toEqual(update)
})

test('a new account sends what was typed, and a choice that was left only where it differs', () => {
  expect(updateOf(FIELDS, null, { ...EMPTY, 'config/host': 'mail.example' })).toEqual({ config: { host: 'mail.example' } })
  expect(updateOf(FIELDS, null, EMPTY)).toEqual({ config: {} })
  expect(configPatch(FIELDS, EMPTY, { ...EMPTY, 'config/security': 'none' })).toEqual({ security: 'none' })
})

test.each([
  [{ 'config/host': '' }, ['config/host']],
  [{ 'config/host': 'x'.repeat(256) }, ['config/host']],
  [{ 'config/port': '0' }, ['config/port']],
  [{ 'config/port': '2.5' }, ['config/port']],
  [{ 'config/port': '' }, []],
  [{ 'config/password': '' }, []],
  [{ position: '1001' }, ['position']],
  [{ position: '-1' }, ['position']],
  [{ max_per_second: '0' }, ['max_per_second']],
])('%j has faults at %j', (changes, places) => {
  expect(Object.keys(validate(FIELDS, { ...STORED, ...changes }))).toEqual(places)
})

test('a list shows no secret', () => {
  expect(summaryOf(FIELDS, ACCOUNT)).toBe('mail.example:25')
  expect(summaryOf([{ ...FIELDS[4]!, name: 'api_key' }], { ...ACCOUNT, config: { api_key: MASK } })).toBe('')
})
