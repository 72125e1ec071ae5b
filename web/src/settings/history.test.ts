import { expect, test } from 'vitest'
import type { AuditEntry } from '../services/types'
import { before, changesOf } from './history'
import { MASK } from './fields'

const entry = (changes: unknown): AuditEntry => ({ id: 1, changes }) as AuditEntry

test('changes are those of the form’s fields, in its order and as it holds them', () => {
  const changes = changesOf(
    entry({
      version: { from: 3, to: 4 },
      slack_channel: { from: '#a', to: null },
      digest_enabled: { from: false, to: true },
      email_from_name: { from: null, to: 'Payroll' },
      not_known_here: { from: 1, to: 2 },
    }),
  )
  expect(changes).toEqual([
    { name: 'digest_enabled', from: false, to: true, whole: true },
    { name: 'email_from_name', from: '', to: 'Payroll', whole: true },
    { name: 'slack_channel', from: '#a', to: '', whole: true },
  ])
})

test.each([
  ['none at all', null],
  ['an entry of another shape', { email_enabled: true, sms_enabled: null }],
])('no changes: %s', (_name, changes) => expect(changesOf(entry(changes))).toEqual([]))

test('what is secret or was cut short cannot be put back; what was not set can', () => {
  expect(before(changesOf(entry({ slack_webhook_url: { from: MASK, to: null }, sms_enabled: { from: true, to: false } })))).toEqual({
    sms_enabled: true,
  })
  expect(before(changesOf(entry({ slack_webhook_url: { from: null, to: MASK } })))).toEqual({ slack_webhook_url: '' })
  expect(before(changesOf(entry({ custom_settings: { from: '{"a":"xxxx…', to: {} } })))).toEqual({})
  expect(before(changesOf(entry({ custom_settings: { from: { a: [1] }, to: {} } })))).toEqual({
    custom_settings: '{\n  "a": [\n    1\n  ]\n}',
  })
})
