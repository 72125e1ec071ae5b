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
  /** The oldest jobs that are queued, newest of them first. */
  readonly waiting: Remote<api.JobList>
  /** Kept since the page was opened, at most an hour of them. */
  readonly samples: readonly Sample[]
}

export interface OverviewActions {
  refreshOverview: () => Promise<void>
}

export const initialOverview: OverviewSlice = { recent: NOTHING, waiting: NOTHING, samples: [] }

const RECENT = 200
const OLDEST = 50
/** As far as the server passes over jobs. */
const SKIP_MAX = 100_000
const SAMPLES_MAX = 1_800

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
  return {
    refreshOverview: async () => {
      await Promise.all([tools.get().loadJobCounts(), tools.get().loadGates()])
      const counts = tools.get().jobs.counts.data
      if (!counts) return
      patch(tools, 'overview', ({ samples }) => ({
        samples: withSample(samples, { at: Date.now(), counts: counts.by_status }),
      }))
      const skip = Math.min(SKIP_MAX, Math.max(0, counts.by_status.queued - OLDEST))
      await Promise.all([
        recent.load((signal) => api.getBackgroundJobs('completed', 0, RECENT, {}, { signal })),
        waiting.load((signal) => api.getBackgroundJobs('queued', skip, OLDEST, {}, { signal })),
      ])
    },
  }
}
