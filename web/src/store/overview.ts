/** The overview: how much waits, how quickly it goes, what fails. Made from the counts and the latest and oldest jobs. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'

/** How many jobs there were at one time. */
export interface Sample {
  readonly at: number
  readonly counts: api.JobCounts['by_status']
}

export type OverviewSlice = {
  /** The latest jobs that completed, for waits and durations. */
  readonly recent: Remote<api.JobList>
  /** The oldest jobs that are queued, the oldest last. */
  readonly waiting: Remote<api.JobList>
  /** Jobs that run, for what each worker does. */
  readonly running: Remote<api.JobList>
  /** The latest dead letter, and how many there are. */
  readonly dead: Remote<api.DeadLetterList>
  /** Kept since the page was opened, at most an hour of them. */
  readonly samples: readonly Sample[]
}

export interface OverviewActions {
  refreshOverview: () => Promise<void>
}

export const initialOverview: OverviewSlice = {
  recent: NOTHING,
  waiting: NOTHING,
  running: NOTHING,
  dead: NOTHING,
  samples: [],
}

const RECENT = 100
const RUNNING = 50
export const OLDEST = 20
/** As far as the server passes over jobs. */
export const SKIP_MAX = 100_000
const SAMPLES_MAX = 1_800
/** The longer lists are asked for less often than the counts. */
const LISTS_MS = 6_000

/** A sample that is like the last two replaces the last, so that an idle hour is two points. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const text = JSON.stringify(sample.counts)
  const [before, last] = samples.slice(-2)
  const idle = before && last && JSON.stringify(before.counts) === text && JSON.stringify(last.counts) === text
  return [...(idle ? samples.slice(0, -1) : samples), sample].slice(-SAMPLES_MAX)
}

export function overviewActions(tools: Tools): OverviewActions {
  const recent = loader(tools, 'overview', 'recent')
  const waiting = loader(tools, 'overview', 'waiting')
  const running = loader(tools, 'overview', 'running')
  const dead = loader(tools, 'overview', 'dead')
  let listsAt = Number.NEGATIVE_INFINITY
  const loadLists = async (queued: number): Promise<void> => {
    const skip = Math.min(SKIP_MAX, Math.max(0, queued - OLDEST))
    await Promise.all([
      recent.load((signal) => api.getBackgroundJobs('completed', 0, RECENT, {}, { signal })),
      waiting.load((signal) => api.getBackgroundJobs('queued', skip, OLDEST, {}, { signal })),
    ])
    listsAt = performance.now()
  }
  return {
    refreshOverview: async () => {
      await Promise.all([
        tools.get().loadJobCounts(),
        tools.get().loadGates(),
        running.load((signal) => api.getBackgroundJobs('processing', 0, RUNNING, {}, { signal })),
        dead.load((signal) => api.getDeadLetters({ limit: 1 }, { signal })),
      ])
      const counts = tools.get().jobs.counts.data
      if (!counts) return
      const sample = { at: Date.now(), counts: counts.by_status }
      patch(tools, 'overview', ({ samples }) => ({ samples: withSample(samples, sample) }))
      if (performance.now() - listsAt >= LISTS_MS || tools.get().overview.recent.data === null) {
        await loadLists(counts.by_status.queued)
      }
    },
  }
}
