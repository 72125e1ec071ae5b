import { expect, test } from 'vitest'
import type { JobType, Schedule } from '../services/api'
import { createOf, EMPTY, faultsAt, formOf, membersOf, payloadOf, updateOf, validate } from './form'

const SCHEDULE = {
  name: 'month end', cron: '30 9 25 * *', timezone: 'Europe/Berlin', job_type: 'noop', payload: { keep: 1, drop: 2 },
  priority: 1, max_retries: null, retry: { curve: 'fixed', base_s: 5, cap_s: null, jitter_percent: null }, timeout_s: 60,
  misfire: 'once', misfire_limit: 10,
} as unknown as Schedule
const FORM = formOf(SCHEDULE)
const GOOD = { ...EMPTY, name: 'n', cron: '@daily', job_type: 'noop' }

test('what is stored is what the form shows, and unchanged it is nothing to send', () => {
  expect(FORM).toMatchObject({ priority: '1', max_retries: '', timeout_s: '60', curve: 'fixed', base_s: '5', cap_s: '' })
  expect(updateOf(SCHEDULE, FORM)).toEqual({})
})

test.each([
  ['a time', { cron: '@daily' }, { cron: '@daily' }],
  ['a type, with its whole payload', { job_type: 'sleep', payload: '{"ms": 5}' }, { job_type: 'sleep', payload: { ms: 5 } }],
  ['a member of the payload', { payload: '{"keep": 1, "new": [1]}' }, { payload: { drop: null, new: [1] } }],
  ['the type’s own time', { timeout_s: '' }, { timeout_s: null }],
  ['the type’s own retries', { curve: '', base_s: '' }, { retry: null }],
  ['another first wait', { base_s: '9' }, { retry: { curve: 'fixed', base_s: 9, cap_s: null, jitter_percent: null } }],
  ['retries', { max_retries: '0' }, { max_retries: 0 }],
])('%s is sent, and nothing else', (_, changes, update) => {
  expect(updateOf(SCHEDULE, { ...FORM, ...changes })).toEqual(update)
})

test('a new one is sent whole', () => {
  expect(createOf(GOOD)).toEqual({
    name: 'n', cron: '@daily', timezone: 'UTC', job_type: 'noop', payload: {}, priority: 0, max_retries: null, retry: null,
    timeout_s: null, misfire: 'once', misfire_limit: 10,
  })
})

test.each([
  [{}, []],
  [{ name: ' ', cron: '' }, ['name', 'cron']],
  [{ job_type: '', timezone: '' }, ['timezone', 'job_type']],
  [{ max_retries: '101' }, ['max_retries']],
  [{ timeout_s: '1.5' }, ['timeout_s']],
  [{ base_s: '10', cap_s: '5' }, ['cap_s']],
  [{ payload: '[]' }, ['payload']],
  [{ payload: '{' }, ['payload']],
  [{ payload: '' }, []],
])('%j has faults at %j', (changes, names) => {
  expect(Object.keys(validate({ ...GOOD, ...changes }))).toEqual(names)
})

test('integers that a double cannot hold stay what they are', () => {
  expect(payloadOf('{"id": 9007199254740993}')).toEqual({ id: 9007199254740993n })
})

test('the server’s faults are found by their pointers', () => {
  const errors = [
    { pointer: '/cron', detail: 'no' },
    { pointer: '/payload/to', detail: 'is needed' },
    { pointer: '/payload/text', detail: 'is needed' },
    { pointer: '/retry/cap_s', detail: 'too small' },
  ]
  expect(faultsAt(errors)).toEqual({ cron: 'no', payload: 'to: is needed; text: is needed', cap_s: 'too small' })
})

test('a type says what its payload may have', () => {
  const type = { payload_schema: { properties: { to: {}, subject: {} } } } as unknown as JobType
  expect([membersOf(type), membersOf(undefined), membersOf({ payload_schema: null } as JobType)]).toEqual([['to', 'subject'], [], []])
})
