import { useMemo } from 'react'
import type { JobCounts, JobStatus } from '../services/api'
import { hashWith } from '../data/params'
import { strings } from '../strings'
import { formatNumber } from '../ui/format'
import { STATUSES } from './query'

/* Counts of the whole organization; a filter by type narrows them, others cannot be counted exactly. */
export function countOf(
  counts: JobCounts | null,
  status: JobStatus | undefined,
  type: string | undefined,
): number | null {
  if (counts === null) {
    return null
  }
  if (type === undefined) {
    return status === undefined ? counts.total : counts.by_status[status]
  }
  const row = counts.by_type.find((each) => each.job_type === type)
  const of = (each: JobStatus): number => row?.[each] ?? 0
  return status === undefined ? STATUSES.reduce((sum, each) => sum + of(each), 0) : of(status)
}

interface Props {
  counts: JobCounts | null
  status: JobStatus | undefined
  type: string | undefined
}

export function StateTabs({ counts, status, type }: Props) {
  const tabs = useMemo(() => [undefined, ...STATUSES], [])
  const name = (each: JobStatus | undefined): string =>
    each === undefined ? strings.jobs.tabs.all : strings.jobs.status[each]
  return (
    <nav className="tabs" aria-label={strings.jobs.tabs.label}>
      {tabs.map((each) => {
        const n = countOf(counts, each, type)
        return (
          <a
            key={each ?? 'all'}
            className="tab"
            href={hashWith({ status: each ?? null, page: null, job: null })}
            aria-current={each === status ? 'true' : undefined}
          >
            {name(each)}
            <span className="tab-count numeric">{n === null ? strings.data.none : formatNumber(n)}</span>
          </a>
        )
      })}
    </nav>
  )
}
