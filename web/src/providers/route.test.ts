import { expect, test } from 'vitest'
import type { NotificationSettings, Provider } from '../services/api'
import { inUse, isOff, ordered, sentence, stateOf } from './route'

const provider = (name: string, channel: string, account: object | null): Provider =>
  ({ name, channel, account: account && { enabled: true, position: 0, paused_at: null, ...account } }) as unknown as Provider

const SETTINGS = { email_provider: 'ses', sms_provider: 'twilio', email_enabled: false, sms_enabled: true } as NotificationSettings
const names = (list: Provider[]) => list.map(({ name }) => name)

test('the one that the settings name goes first, then by position, then by name', () => {
  const list = [
    provider('smtp', 'email', { position: 1 }),
    provider('sendgrid', 'email', { position: 1 }),
    provider('ses', 'email', { position: 9 }),
    provider('sns', 'sms', {}),
  ]
  expect(names(ordered('email', list, SETTINGS))).toEqual(['ses', 'sendgrid', 'smtp'])
  expect(names(ordered('email', list, null))).toEqual(['sendgrid', 'smtp', 'ses'])
})

test('those without an account and those that are off come last, and get nothing', () => {
  const list = ordered('email', [
    provider('a', 'email', null),
    provider('ses', 'email', { enabled: false }),
    provider('smtp', 'email', { paused_at: '2026-11-25T09:00:00Z' }),
    provider('sendgrid', 'email', { position: 5 }),
  ], SETTINGS)
  expect(names(list)).toEqual(['smtp', 'sendgrid', 'ses', 'a'])
  expect(list.map(stateOf)).toEqual(['paused', 'ready', 'off', 'none'])
  expect(inUse(list)).toEqual(['sendgrid'])
})

test.each([
  ['none', 'email', [provider('smtp', 'email', null)], /No account here/],
  ['one', 'email', [provider('smtp', 'email', {})], /^Messages go out by SMTP server\.$/],
  ['two', 'email', [provider('ses', 'email', {}), provider('smtp', 'email', {})], /by Amazon SES; when it fails, by SMTP server/],
  ['paused', 'sms', [provider('sns', 'sms', { paused_at: 'x' })], /Every account is paused/],
  ['no webhook', 'webhook', [provider('webhook', 'webhook', null)], /no event is posted/],
] as const)('in words: %s', (_, channel, list, words) => {
  expect(sentence(channel, list)).toMatch(words)
})

test('a channel is off when the settings say so; webhooks have no switch', () => {
  expect([isOff('email', SETTINGS), isOff('sms', SETTINGS), isOff('webhook', SETTINGS), isOff('email', null)]).toEqual([true, false, false, false])
})
