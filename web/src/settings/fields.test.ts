import { expect, test } from 'vitest'
import { mergePatchOf } from '../services/patch'
import { MASK, slackTrial, tidyEdits, toForm, toUpdate, type Edits } from './fields'
import type { NotificationSettings } from '../services/types'

const SETTINGS = {
  email_enabled: true, email_from_name: null, slack_webhook_url: '********', digest_time: '09:00',
  custom_settings: { keep: 1, drop: { a: 1, b: 2 }, list: [1] },
} as unknown as NotificationSettings

test('only what was changed is sent, and an empty text is null', () => {
  expect(toUpdate(SETTINGS, { email_enabled: false, slack_webhook_url: '' })).toEqual({
    email_enabled: false,
    slack_webhook_url: null,
  })
})

test('an edit that was taken back is none', () => {
  expect(tidyEdits(toForm(SETTINGS), { email_enabled: true, email_from_name: '', digest_time: '10:00' })).toEqual({
    digest_time: '10:00',
  })
})

test('the object is sent as a merge patch, with null for what was removed', () => {
  const edits = { custom_settings: '{"keep": 1, "drop": {"b": 3}, "list": [1, 2], "big": 12345678901234567890}' }
  expect(toUpdate(SETTINGS, edits)).toEqual({
    custom_settings: { drop: { a: null, b: 3 }, list: [1, 2], big: 12345678901234567890n },
  })
})

test.each([
  [{ a: 1 }, { a: 1 }, {}],
  [{ a: 1 }, {}, { a: null }],
  [{ a: { b: 1 } }, { a: { b: 1, c: 2 } }, { a: { c: 2 } }],
  [{ a: { b: 1 } }, { a: 5 }, { a: 5 }],
  [{ a: [1, 2] }, { a: [1] }, { a: [1] }],
])('from %j to %j it is %j', (before, after, patch) => {
  expect(mergePatchOf(before, after)).toEqual(patch)
})

test.each<[Edits, object]>([
  [{}, {}],
  [{ slack_webhook_url: 'https://hooks.slack.com/services/T1/B1/x' }, { slack_webhook_url: 'https://hooks.slack.com/services/T1/B1/x' }],
  [{ slack_webhook_url: '' }, {}],
  [{ slack_channel: '#new' }, { slack_channel: '#new' }],
])('a test message to Slack with %j typed sends %j', (edits, body) => {
  const stored = { ...toForm(SETTINGS), slack_webhook_url: MASK, slack_channel: '#old' }
  expect(slackTrial({ ...stored, ...edits }, edits)).toEqual(body)
})
