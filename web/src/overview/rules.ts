/* Figures of the overview, as the table and the chart show them. Pure. */
import type { JobStatsMinute, JobStatsType, JobTypeCounts } from '../services/api'

export const ENDINGS = ['completed', 'failed', 'retried', 'cancelled'] as const
export type Ending = (typeof ENDINGS)[number]

export interface Series extends Record<Ending, number[]> {
  /* Seconds since 1970, as uPlot wants them. */
  at: number[]
}

export function seriesOf(minutes: readonly JobStatsMinute[]): Series {
  const of = (ending: Ending) => minutes.map((minute) => minute[ending])
  return {
    at: minutes.map(({ minute }) => Date.parse(minute) / 1000),
    completed: of('completed'),
    failed: of('failed'),
    retried: of('retried'),
    cancelled: of('cancelled'),
  }
}

/* Minutes in which something ended, the latest first. */
export function busyMinutes(minutes: readonly JobStatsMinute[]): JobStatsMinute[] {
  return minutes.filter((minute) => ENDINGS.some((ending) => minute[ending] > 0)).reverse()
}

export interface TypeRow extends Omit<JobStatsType, 'cancelled'> {
  /* Failed ones that are still kept, whenever they failed. */
  kept: number
}

/* Types that ended something within the hour or have failed jobs, those that fail most first. */
export function typeRows(hour: readonly JobStatsType[], counts: readonly JobTypeCounts[]): TypeRow[] {
  const none = { completed: 0, failed: 0, retried: 0 }
  const rows = new Map<string, TypeRow>()
  for (const { job_type, failed } of counts) {
    if (failed > 0) {
      rows.set(job_type, { job_type, ...none, kept: failed })
    }
  }
  for (const { job_type, completed, failed, retried } of hour) {
    if (completed + failed + retried > 0) {
      rows.set(job_type, { job_type, completed, failed, retried, kept: rows.get(job_type)?.kept ?? 0 })
    }
  }
  return [...rows.values()].sort(
    (a, b) => b.failed - a.failed || b.kept - a.kept || b.retried - a.retried || a.job_type.localeCompare(b.job_type),
  )
}
