/* What the address says of the list, and back. Whatever is not understood is left out. */
import type { JobStatus, JobsCancelFilter, JobsRetryFilter } from '../services/api'
import type { JobQuery } from '../store/jobs'

export const PAGE = 50
/* As far as the server passes over jobs. */
const SKIP_MAX = 100_000

export const STATUSES: readonly JobStatus[] = ['queued', 'processing', 'completed', 'failed', 'cancelled']

/* What a datetime field gives is in the browser's zone; the API wants an instant. */
function instant(text: string | null): string | undefined {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString()
}

function wholeNumber(text: string | null, min: number, max: number): number | undefined {
  const value = Number(text)
  return text !== null && text !== '' && Number.isInteger(value) && value >= min && value <= max ? value : undefined
}

export function queryOf(params: URLSearchParams): JobQuery {
  const page = wholeNumber(params.get('page'), 1, SKIP_MAX / PAGE + 1) ?? 1
  return {
    status: STATUSES.find((status) => status === params.get('status')),
    job_type: params.get('type')?.trim().slice(0, 64) || undefined,
    priority: wholeNumber(params.get('priority'), -1, 1),
    created_after: instant(params.get('from')),
    created_before: instant(params.get('to')),
    skip: (page - 1) * PAGE,
    limit: PAGE,
  }
}

export const isFiltered = ({ job_type, priority, created_after, created_before }: JobQuery): boolean =>
  [job_type, priority, created_after, created_before].some((value) => value !== undefined)

function shared({ job_type, priority, created_after, created_before }: JobQuery) {
  return {
    ...(job_type !== undefined && { job_type }),
    ...(priority !== undefined && { priority }),
    ...(created_after !== undefined && { created_after }),
    ...(created_before !== undefined && { created_before }),
  }
}

/* The filter of an operation on all that the list shows; null: none of them can be cancelled. */
export function cancelFilterOf(query: JobQuery): JobsCancelFilter | null {
  const { status } = query
  if (status !== undefined && status !== 'queued' && status !== 'processing') {
    return null
  }
  const filter = { ...shared(query), ...(status !== undefined && { status }) }
  return Object.keys(filter).length === 0 ? { all: true } : filter
}

export function retryFilterOf(query: JobQuery): JobsRetryFilter | null {
  const { status } = query
  if (status !== 'failed' && status !== 'cancelled') {
    return null
  }
  return { ...shared(query), status }
}
