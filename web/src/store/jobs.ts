/** Jobs: the page of the list that is looked at, counts, the job that is open, pauses, limits, job types. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'

export interface JobQuery {
  status?: api.JobStatus | undefined
  job_type?: string | undefined
  priority?: number | undefined
  created_after?: string | undefined
  created_before?: string | undefined
  skip: number
  limit: number
}

/** Lines of one job's log, as far as they were read. */
export interface JobLog {
  readonly lines: readonly api.JobLogLine[]
  readonly cursor: string | null
}

export type JobsSlice = {
  readonly query: JobQuery
  readonly list: Remote<api.JobList>
  readonly counts: Remote<api.JobCounts>
  readonly types: Remote<readonly api.JobType[]>
  readonly pauses: Remote<readonly api.Pause[]>
  readonly limits: Remote<readonly api.Limit[]>
  readonly openId: string | null
  readonly open: Remote<api.JobDetail>
  readonly log: Remote<JobLog>
  /** Jobs that an action is under way for. */
  readonly busy: ReadonlySet<string>
}

/** How one action on many jobs went: ids that it did, and why it did not do the others. */
export interface BulkOutcome {
  readonly done: readonly string[]
  readonly refused: ReadonlyMap<string, Error>
}

export interface JobsActions {
  /** Makes it the page that is looked at, and loads it; null when a later call overtook this one. */
  getBackgroundJobs: (
    status?: api.JobStatus,
    skip?: number,
    limit?: number,
    filter?: Omit<JobQuery, 'status' | 'skip' | 'limit'>,
  ) => Promise<api.JobList | null>
  refreshJobs: () => Promise<void>
  loadJobCounts: () => Promise<void>
  loadJobTypes: () => Promise<void>
  loadGates: () => Promise<void>
  /** null closes it. Watch 'job' to keep it fresh. */
  openJob: (jobId: string | null) => void
  refreshJob: () => Promise<void>
  cancelBackgroundJob: (jobId: string) => Promise<api.JobDetail>
  retryBackgroundJob: (jobId: string) => Promise<api.JobDetail>
  createBackgroundJob: (job: api.JobCreate, options?: api.CreateOptions) => Promise<api.JobDetail>
  /** One after the other; goes on past those that are refused, and waits where the server says "too many calls". */
  cancelSelectedJobs: (jobIds: readonly string[], options?: BulkOptions) => Promise<BulkOutcome>
  retrySelectedJobs: (jobIds: readonly string[], options?: BulkOptions) => Promise<BulkOutcome>
  /** Of all that fit, by a job that shows its progress. */
  cancelMatchingJobs: (filter: api.JobsCancelFilter) => Promise<api.JobDetail>
  retryMatchingJobs: (filter: api.JobsRetryFilter) => Promise<api.JobDetail>
  pauseJobs: (jobType: string, reason: string | null) => Promise<void>
  resumeJobs: (jobType: string) => Promise<void>
}

export interface BulkOptions extends api.CallOptions {
  /** waitS: seconds until the next try, because of a limit. */
  onProgress?: (done: number, of: number, waitS: number) => void
}

export const initialJobs: JobsSlice = {
  query: { skip: 0, limit: 50 },
  list: NOTHING,
  counts: NOTHING,
  types: NOTHING,
  pauses: NOTHING,
  limits: NOTHING,
  openId: null,
  open: NOTHING,
  log: NOTHING,
  busy: new Set(),
}

const LOG_PAGE = 200
/** A job's log has at most this many pages: ten attempts of 200 lines. */
const LOG_PAGES_MAX = 20

function listOf({ status, skip, limit, ...filter }: JobQuery, signal: AbortSignal): Promise<api.JobList> {
  return api.getBackgroundJobs(status, skip, limit, filter, { signal })
}

/** What was written since the cursor; a cursor stays good at the log's end. */
async function readLog(jobId: string, signal: AbortSignal): Promise<JobLog> {
  const lines: api.JobLogLine[] = []
  let cursor: string | null = null
  for (let page = 0; page < LOG_PAGES_MAX; page++) {
    const answer: api.JobLogPage = await api.getBackgroundJobLogs(jobId, { limit: LOG_PAGE, cursor }, { signal })
    lines.push(...answer.logs)
    cursor = answer.next_cursor
    if (cursor === null) break
  }
  return { lines, cursor }
}

function pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    })
  })
}

/** Does one after the other, and waits out the limit of calls. */
export async function forEachJob(
  jobIds: readonly string[],
  act: (jobId: string) => Promise<unknown>,
  { signal, onProgress }: BulkOptions = {},
): Promise<BulkOutcome> {
  const done: string[] = []
  const refused = new Map<string, Error>()
  for (const jobId of jobIds) {
    for (;;) {
      signal?.throwIfAborted()
      try {
        await act(jobId)
        done.push(jobId)
      } catch (error) {
        if (error instanceof api.RateLimitedError && error.retryAfterS !== null) {
          onProgress?.(done.length + refused.size, jobIds.length, error.retryAfterS)
          await pause(error.retryAfterS, signal)
          continue
        }
        if (error instanceof api.UnauthorizedError || api.isAbort(error)) throw error
        refused.set(jobId, error as Error)
      }
      break
    }
    onProgress?.(done.length + refused.size, jobIds.length, 0)
  }
  return { done, refused }
}

/** Puts a job that an action brought into the list that is shown. */
function placed(list: Remote<api.JobList>, job: api.JobDetail): Remote<api.JobList> {
  if (!list.data?.jobs.some((row) => row.id === job.id)) return list
  return {
    ...list,
    data: { ...list.data, jobs: list.data.jobs.map((row) => (row.id === job.id ? { ...row, ...job } : row)) },
  }
}

function loadersOf(tools: Tools) {
  return {
    list: loader(tools, 'jobs', 'list'),
    counts: loader(tools, 'jobs', 'counts'),
    types: loader(tools, 'jobs', 'types'),
    pauses: loader(tools, 'jobs', 'pauses'),
    limits: loader(tools, 'jobs', 'limits'),
    open: loader(tools, 'jobs', 'open'),
    log: loader(tools, 'jobs', 'log'),
  }
}

type Loaders = ReturnType<typeof loadersOf>
type Reads =
  'getBackgroundJobs' | 'refreshJobs' | 'loadJobCounts' | 'loadJobTypes' | 'loadGates' | 'openJob' | 'refreshJob'

function reads(tools: Tools, { list, counts, types, pauses, limits, open, log }: Loaders): Pick<JobsActions, Reads> {
  return {
    getBackgroundJobs: (status, skip = 0, limit = 50, filter = {}) => {
      const query: JobQuery = { ...filter, status, skip, limit }
      const moved = JSON.stringify(query) !== JSON.stringify(tools.get().jobs.query)
      if (moved) patch(tools, 'jobs', (slice) => ({ query, list: { ...slice.list, loading: true } }))
      return list.load((signal) => listOf(query, signal))
    },
    refreshJobs: async () => {
      await list.load((signal) => listOf(tools.get().jobs.query, signal))
    },
    loadJobCounts: async () => {
      await counts.load((signal) => api.countBackgroundJobs({ signal }))
    },
    loadJobTypes: async () => {
      await types.load((signal) => api.getJobTypes({ signal }))
    },
    loadGates: async () => {
      await Promise.all([
        pauses.load((signal) => api.getPauses({ signal })),
        limits.load((signal) => api.getLimits({ signal })),
      ])
    },
    openJob: (jobId) => {
      if (tools.get().jobs.openId === jobId) return
      open.replace(null)
      log.replace(null)
      tools.get().forgetJobHistory()
      patch(tools, 'jobs', () => ({ openId: jobId }))
      tools.poke('job')
    },
    refreshJob: async () => {
      const { openId } = tools.get().jobs
      if (openId === null) return
      await Promise.all([
        open.load((signal) => api.getBackgroundJob(openId, { signal })),
        log.load((signal) => readLog(openId, signal)),
        tools.get().refreshJobHistory(openId),
      ])
    },
  }
}

type Call = (jobId: string) => Promise<api.JobDetail>

/** Makes of a call for one job an action: busy while it is under way, and what it brought is shown at once. */
function acting(tools: Tools, { open }: Loaders): (call: Call) => Call {
  const setBusy = (jobId: string, on: boolean): void =>
    patch(tools, 'jobs', ({ busy }) => {
      const next = new Set(busy)
      if (on) next.add(jobId)
      else next.delete(jobId)
      return { busy: next }
    })
  return (call) => async (jobId) => {
    setBusy(jobId, true)
    try {
      const job = await call(jobId)
      if (tools.get().jobs.openId === job.id) open.replace(job)
      patch(tools, 'jobs', (slice) => ({ list: placed(slice.list, job) }))
      tools.poke('counts', 'jobs', 'job', 'dead', 'overview')
      return job
    } catch (error) {
      tools.poke('jobs', 'job', 'counts') // it is not what it was taken for: show what it is
      throw error
    } finally {
      setBusy(jobId, false)
    }
  }
}

function changes(tools: Tools, loaders: Loaders): Omit<JobsActions, Reads> {
  const act = acting(tools, loaders)
  const cancelBackgroundJob = act((jobId) => api.cancelBackgroundJob(jobId))
  const retryBackgroundJob = act((jobId) => api.retryBackgroundJob(jobId))
  const gates = async (call: Promise<readonly api.Pause[]>): Promise<void> => {
    loaders.pauses.replace(await call)
    tools.poke('jobs', 'job', 'overview')
  }
  const started = async (call: Promise<api.JobDetail>): Promise<api.JobDetail> => {
    const job = await call
    tools.poke('counts', 'jobs', 'overview')
    return job
  }
  return {
    cancelBackgroundJob,
    retryBackgroundJob,
    createBackgroundJob: (job, options) => started(api.createBackgroundJob(job, options)),
    cancelSelectedJobs: (jobIds, options) => forEachJob(jobIds, cancelBackgroundJob, options),
    retrySelectedJobs: (jobIds, options) => forEachJob(jobIds, retryBackgroundJob, options),
    cancelMatchingJobs: (filter) => started(api.cancelBackgroundJobs(filter)),
    retryMatchingJobs: (filter) => started(api.retryBackgroundJobs(filter)),
    pauseJobs: (jobType, reason) => gates(api.pauseJobs(jobType, reason)),
    resumeJobs: (jobType) => gates(api.resumeJobs(jobType)),
  }
}

export function jobsActions(tools: Tools): JobsActions {
  const loaders = loadersOf(tools)
  return { ...reads(tools, loaders), ...changes(tools, loaders) }
}
