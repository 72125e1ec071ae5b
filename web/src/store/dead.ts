/** Dead letters: jobs that have failed for good and that nobody has dealt with. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'
import { type BulkOptions, type BulkOutcome, forEachJob } from './jobs'

export type DeadSlice = {
  readonly query: api.DeadLetterFilter
  readonly list: Remote<api.DeadLetterList>
}

export interface DeadActions {
  getDeadLetters: (query?: api.DeadLetterFilter) => Promise<api.DeadLetterList | null>
  refreshDeadLetters: () => Promise<void>
  replayDeadLetter: (jobId: string) => Promise<api.JobDetail>
  discardDeadLetter: (jobId: string) => Promise<api.JobDetail>
  replaySelectedDeadLetters: (jobIds: readonly string[], options?: BulkOptions) => Promise<BulkOutcome>
  discardSelectedDeadLetters: (jobIds: readonly string[], options?: BulkOptions) => Promise<BulkOutcome>
  /** Of all that fit, by a job that shows its progress. */
  replayMatchingDeadLetters: (filter: api.DeadLettersReplayFilter) => Promise<api.JobDetail>
}

export const initialDead: DeadSlice = { query: { limit: 50 }, list: NOTHING }

export function deadActions(tools: Tools): DeadActions {
  const list = loader(tools, 'dead', 'list')
  /** It is a dead letter no more: take its row away at once, whatever the next refresh says. */
  const settle = async (jobId: string, call: Promise<api.JobDetail>): Promise<api.JobDetail> => {
    const job = await call
    patch(tools, 'dead', ({ list: now }) => {
      if (!now.data) return {}
      const dead_letters = now.data.dead_letters.filter((row) => row.id !== jobId)
      const gone = now.data.dead_letters.length - dead_letters.length
      return { list: { ...now, data: { ...now.data, dead_letters, total: now.data.total - gone } } }
    })
    tools.poke('dead', 'counts', 'jobs', 'job', 'overview')
    return job
  }
  const replayDeadLetter = (jobId: string): Promise<api.JobDetail> => settle(jobId, api.replayDeadLetter(jobId))
  const discardDeadLetter = (jobId: string): Promise<api.JobDetail> => settle(jobId, api.discardDeadLetter(jobId))
  return {
    getDeadLetters: (query = {}) => {
      patch(tools, 'dead', () => ({ query }))
      return list.load((signal) => api.getDeadLetters(query, { signal }))
    },
    refreshDeadLetters: async () => {
      await list.load((signal) => api.getDeadLetters(tools.get().dead.query, { signal }))
    },
    replayDeadLetter,
    discardDeadLetter,
    replaySelectedDeadLetters: (jobIds, options) => forEachJob(jobIds, replayDeadLetter, options),
    discardSelectedDeadLetters: (jobIds, options) => forEachJob(jobIds, discardDeadLetter, options),
    replayMatchingDeadLetters: async (filter) => {
      const job = await api.replayDeadLetters(filter)
      tools.poke('dead', 'counts', 'jobs')
      return job
    },
  }
}
