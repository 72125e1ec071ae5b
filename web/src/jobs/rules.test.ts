import { describe, expect, test } from 'vitest'
import type { AuditEntry, JobAttempt, JobDetail } from '../services/api'
import { curlOf, deedText, holdRows, isJobId, lookOf, span, timeline, whyNotMoving, type Situation } from './rules'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()

const job = (changes: Partial<JobDetail> = {}): JobDetail =>
  ({
    id: '019a8b1e-0000-7000-8000-000000000001',
    job_type: 'email.send',
    status: 'queued',
    priority: 0,
    payload: {},
    result: null,
    error_message: null,
    retry_count: 0,
    max_retries: 3,
    next_retry_at: null,
    started_at: null,
    completed_at: null,
    created_at: at(-60),
    created_by: 'ada',
    attempt: 0,
    dispatch_at: null,
    worker_id: null,
    cancel_requested_at: null,
    timeout_s: 60,
    held: null,
    scheduled_at: null,
    retry: null,
    discarded_at: null,
    cause: null,
    attempts: [],
    ...changes,
  }) as JobDetail

const attempt = (
  number: number,
  from: number,
  to: number,
  outcome: JobAttempt['outcome'],
  error: string | null = null,
): JobAttempt => ({
  number,
  worker_id: 'w',
  started_at: at(from),
  ended_at: at(to),
  outcome,
  error,
  host: 'h',
})

test.each([
  [job(), 'Waiting'],
  [job({ scheduled_at: at(5) }), 'Scheduled'],
  [job({ scheduled_at: at(-5) }), 'Waiting'],
  [job({ next_retry_at: at(5) }), 'Will retry'],
  [job({ held: 'paused', next_retry_at: at(5) }), 'Paused'],
  [job({ held: 'limit' }), 'Limit reached'],
  [job({ status: 'processing' }), 'Running'],
  [job({ status: 'processing', cancel_requested_at: at(-1) }), 'Cancelling…'],
  [job({ status: 'cancelled', cancel_requested_at: at(-1) }), 'Cancelled'],
  [job({ status: 'failed' }), 'Failed'],
])('a state has its words', (given, text) => {
  expect(lookOf(given, NOW).text).toBe(text)
})

describe('why it does not move', () => {
  const calm: Situation = { pauses: [], limits: [], running: 1, nowMs: NOW }
  const pause = {
    scope: 'organization',
    organization_id: 'demo',
    job_type: 'email.send',
    reason: null,
    created_by: 'x',
    created_at: at(-9),
  } as const
  const limit = {
    scope: 'deployment',
    organization_id: null,
    job_type: null,
    max_running: 2,
    max_per_minute: null,
    running: 2,
    queued: 5,
    held: 3,
    held_capped: false,
  } as const
  test.each([
    [job(), calm, null],
    [job(), { ...calm, running: 0 }, 'idle'],
    [job({ created_at: at(-5) }), { ...calm, running: 0 }, null],
    [job({ scheduled_at: at(-5) }), { ...calm, running: 0 }, null],
    [job({ scheduled_at: at(50) }), calm, 'scheduled'],
    [job({ next_retry_at: at(50), error_message: 'e' }), calm, 'retry'],
    [job({ status: 'processing', dispatch_at: at(20) }), calm, null],
    [job({ status: 'processing', dispatch_at: at(-20) }), calm, 'lost'],
    [job({ status: 'processing', cancel_requested_at: at(-2), dispatch_at: at(-20) }), calm, 'cancelling'],
    [job({ status: 'completed' }), { ...calm, running: 0 }, null],
  ] as const)('%#', (given, situation, kind) => {
    expect(whyNotMoving(given, situation)?.kind ?? null).toBe(kind)
  })

  test('the pause that concerns it is named, and the limit that is full', () => {
    const other = { ...pause, job_type: 'noop' }
    expect(whyNotMoving(job({ held: 'paused' }), { ...calm, pauses: [other, pause] })).toEqual({
      kind: 'paused',
      pause,
    })
    expect(whyNotMoving(job({ held: 'paused' }), { ...calm, pauses: [other] })).toEqual({ kind: 'paused', pause: null })
    const roomy = { ...limit, running: 0 }
    expect(whyNotMoving(job({ held: 'limit' }), { ...calm, limits: [roomy, limit] })).toEqual({ kind: 'limit', limit })
  })
})

test('the story of a job that was retried, lost and completed', () => {
  const attempts = [
    attempt(1, -50, -48, 'failed', 'no route'),
    attempt(2, -30, -20, 'lost'),
    attempt(3, -10, -9, 'completed'),
  ]
  const steps = timeline(
    job({
      status: 'completed',
      attempt: 3,
      scheduled_at: at(-55),
      started_at: at(-10),
      completed_at: at(-9),
      attempts,
    }),
    NOW,
  )
  expect(steps.map((step) => step.title)).toEqual([
    'Created',
    'Was scheduled for',
    'Attempt 1 failed',
    'Attempt 2 was lost with its worker',
    'Attempt 3 completed',
    'Completed',
  ])
  expect(steps[2]).toMatchObject({ lastedMs: 2000, note: 'no route' })
})

test('an attempt that runs is a step, once', () => {
  const running = job({
    status: 'processing',
    attempt: 2,
    started_at: at(-3),
    attempts: [attempt(1, -50, -48, 'failed')],
  })
  expect(timeline(running, NOW).map((step) => step.title)).toEqual(['Created', 'Attempt 1 failed', 'Attempt 2 runs'])
  expect(timeline({ ...running, cancel_requested_at: at(-1) }, NOW).at(-1)?.title).toBe('Asked to stop')
})

test('clocks that disagree make no negative length', () => {
  const [, step] = timeline(job({ attempts: [attempt(1, -1, -2, 'failed')] }), NOW)
  expect(step?.lastedMs).toBe(0)
})

test('only what has begun has a length', () => {
  expect(span(job())).toBeNull()
  expect(span(job({ attempt: 1, started_at: at(-9), next_retry_at: at(9) }))).toBeNull()
  expect(span(job({ status: 'processing', attempt: 1, started_at: at(-9) }))).toEqual({ from: at(-9), to: null })
})

test('rows that are held show their latest state and let nothing in', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => job({ id }))
  if (!a || !b || !c) throw new Error('three')
  const later = { ...a, status: 'completed' as const }
  const held = holdRows([a, b], [c, later])
  expect(held.rows).toEqual([later, b])
  expect(held.added).toBe(1)
  expect([...held.gone]).toEqual(['b'])
})

test('a curl command survives quotes and keeps integers', () => {
  const command = curlOf(
    job({ payload: { to: "o'hara", n: 9007199254740993n } }),
    'http://h/api/system/background-jobs',
  )
  expect(command).toContain(`"to":"o'\\''hara"`)
  expect(command).toContain('"n":9007199254740993')
  expect(command).toContain('$BELLMAN_TOKEN')
})

test.each([
  ['019a8b1e-0000-7000-8000-000000000001', true],
  [' 019A8B1E-0000-7000-8000-00000000000F ', true],
  ['019a8b1e', false],
  ['email.send', false],
])('%s', (text, is) => expect(isJobId(text)).toBe(is))

test.each([
  ['job.cancel', { status: { from: 'queued', to: 'cancelled' } }, 'Cancelled'],
  ['job.cancel', { status: { from: 'processing', to: 'cancel requested' } }, 'Told to stop'],
  ['job.retry', null, 'Retried'],
  ['jobs.retry', { changed: 500 }, '500 jobs retried'],
  ['job.rename', null, 'job.rename'],
])('what was done: %s %j', (action, changes, wanted) => {
  expect(deedText({ action, changes } as AuditEntry)).toBe(wanted)
})
