import { expect, test } from 'vitest'
import type { Job } from '../services/api'
import { longestWaiting, percentile, seriesOf, speedOf, workersOf } from './rules'

const at = (s: number): string => new Date(1_000_000_000_000 + s * 1000).toISOString()
const job = (changes: Partial<Job>): Job =>
  ({
    attempt: 1,
    created_at: at(0),
    scheduled_at: null,
    next_retry_at: null,
    started_at: null,
    completed_at: null,
    worker_id: null,
    ...changes,
  }) as Job

test.each([
  [[], 0.5, null],
  [[7], 0.95, 7],
  [[4, 1, 3, 2], 0.5, 2],
  [Array.from({ length: 100 }, (_, i) => i + 1), 0.95, 95],
])('percentile of %j', (values, share, wanted) => expect(percentile(values, share)).toBe(wanted))

test('waits count from when a job was due, and leave retried ones out', () => {
  const speed = speedOf([
    job({ started_at: at(2), completed_at: at(5) }),
    job({ scheduled_at: at(100), started_at: at(101), completed_at: at(102) }),
    job({ attempt: 3, started_at: at(900), completed_at: at(904) }),
  ])
  expect(speed).toEqual({ count: 3, wait: { median: 1000, p95: 2000 }, run: { median: 3000, p95: 4000 } })
})

test('what finished is per minute, and unknown where counts fell', () => {
  const counts = { queued: 5, processing: 1, completed: 10, failed: 0, cancelled: 0 }
  const series = seriesOf([
    { at: 0, counts },
    { at: 2_000, counts: { ...counts, completed: 13, failed: 1 } },
    { at: 4_000, counts: { ...counts, completed: 2 } },
  ])
  expect(series.finished).toEqual([null, 120, null])
  expect(series.at).toEqual([0, 2, 4])
})

test('workers, the busiest first', () => {
  const workers = workersOf([job({ worker_id: 'a' }), job({ worker_id: 'b' }), job({ worker_id: 'b' })])
  expect(workers.map(({ id, jobs }) => [id, jobs.length])).toEqual([
    ['b', 2],
    ['a', 1],
  ])
})

test('what is not due does not wait', () => {
  const now = Date.parse(at(50))
  const jobs = [
    job({ id: 'late', created_at: at(40) }),
    job({ id: 'future', scheduled_at: at(60) }),
    job({ id: 'old' }),
  ]
  expect(longestWaiting(jobs, now, 5).map(({ id }) => id)).toEqual(['old', 'late'])
})
