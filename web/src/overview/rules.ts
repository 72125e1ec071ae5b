/* Figures of the overview. Pure. */
import type { Job, JobCounts } from '../services/api'
import type { Sample } from '../store/overview'

/* The value that share of them do not exceed (nearest rank); null: there are none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

export interface Speed {
  count: number
  wait: { median: number | null; p95: number | null }
  run: { median: number | null; p95: number | null }
}

/*
 * How long jobs waited and ran, in milliseconds. The wait is up to the start of the first attempt: a job that was retried
 * is left out of it, since its row only has the start of the last one.
 */
export function speedOf(jobs: readonly Job[]): Speed {
  const time = (text: string | null): number => Date.parse(text ?? '')
  const waits = jobs
    .filter((job) => job.attempt === 1)
    .map((job) => time(job.started_at) - Math.max(time(job.created_at), time(job.scheduled_at ?? job.created_at)))
  const runs = jobs.map((job) => time(job.completed_at) - time(job.started_at))
  const both = (values: number[]) => {
    const good = values.filter((value) => !Number.isNaN(value)).map((value) => Math.max(0, value))
    return { median: percentile(good, 0.5), p95: percentile(good, 0.95) }
  }
  return { count: jobs.length, wait: both(waits), run: both(runs) }
}

export interface Series {
  /* Seconds since 1970, as uPlot wants them. */
  at: number[]
  queued: number[]
  processing: number[]
  /* Per minute, since the sample before; null for the first, and where counts fell because jobs were deleted or retried. */
  finished: (number | null)[]
}

const ended = ({ completed, failed, cancelled }: JobCounts['by_status']): number => completed + failed + cancelled

export function seriesOf(samples: readonly Sample[]): Series {
  const rate = (sample: Sample, before: Sample | undefined): number | null => {
    if (before === undefined || sample.at <= before.at) {
      return null
    }
    const change = ended(sample.counts) - ended(before.counts)
    return change < 0 ? null : Math.round((change * 60_000) / (sample.at - before.at))
  }
  return {
    at: samples.map((sample) => sample.at / 1000),
    queued: samples.map((sample) => sample.counts.queued),
    processing: samples.map((sample) => sample.counts.processing),
    finished: samples.map((sample, i) => rate(sample, samples[i - 1])),
  }
}

export interface Worker {
  id: string | null
  jobs: Job[]
}

/* What each worker does, the busiest first. */
export function workersOf(running: readonly Job[]): Worker[] {
  const workers = new Map<string | null, Job[]>()
  for (const job of running) {
    workers.set(job.worker_id, [...(workers.get(job.worker_id) ?? []), job])
  }
  return [...workers].map(([id, jobs]) => ({ id, jobs })).sort((a, b) => b.jobs.length - a.jobs.length)
}

/* Jobs that wait though their time has come, the longest first. */
export function longestWaiting(queued: readonly Job[], nowMs: number, most: number): Job[] {
  const due = (job: Job): number => Date.parse(job.next_retry_at ?? job.scheduled_at ?? job.created_at)
  return queued
    .filter((job) => due(job) <= nowMs)
    .sort((a, b) => due(a) - due(b))
    .slice(0, most)
}
