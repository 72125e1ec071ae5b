import { expect, test } from 'vitest'
import type { JobStatsMinute, JobStatsType, JobTypeCounts } from '../services/api'
import { busyMinutes, seriesOf, typeRows } from './rules'

const minute = (at: string, completed = 0, failed = 0, retried = 0, cancelled = 0): JobStatsMinute => ({
  minute: at, completed, failed, retried, cancelled,
})
const MINUTES = [
  minute('2026-11-24T10:00:00.000000Z', 3),
  minute('2026-11-24T10:01:00.000000Z'),
  minute('2026-11-24T10:02:00.000000Z', 0, 1, 2),
]

test('minutes become a line for each ending', () => {
  expect(seriesOf(MINUTES)).toEqual({
    at: [1795514400, 1795514460, 1795514520], completed: [3, 0, 0], failed: [0, 0, 1], retried: [0, 0, 2], cancelled: [0, 0, 0],
  })
})

test('the table has the minutes in which something ended, the latest first', () => {
  expect(busyMinutes(MINUTES)).toEqual([MINUTES[2], MINUTES[0]])
})

test('types by what fails: in the hour, then ever, then what is tried again', () => {
  const hour = (job_type: string, completed: number, failed: number, retried: number): JobStatsType => ({
    job_type, completed, failed, retried, cancelled: 5,
  })
  const counts = (job_type: string, failed: number): JobTypeCounts => ({
    job_type, failed, queued: 0, processing: 0, completed: 9, cancelled: 0,
  })
  const rows = typeRows(
    [hour('a', 9, 0, 0), hour('b', 1, 2, 0), hour('c', 1, 0, 3), hour('only cancelled', 0, 0, 0)],
    [counts('a', 0), counts('b', 2), counts('d', 7), counts('e', 0)],
  )
  expect(rows).toEqual([
    { job_type: 'b', completed: 1, failed: 2, retried: 0, kept: 2 },
    { job_type: 'd', completed: 0, failed: 0, retried: 0, kept: 7 },
    { job_type: 'c', completed: 1, failed: 0, retried: 3, kept: 0 },
    { job_type: 'a', completed: 9, failed: 0, retried: 0, kept: 0 },
  ])
})
