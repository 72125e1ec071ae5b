/** The overview: how much waits, how quickly it goes, what fails. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, type Tools } from './slice'

export type OverviewSlice = {
  readonly stats: Remote<api.JobStats>
}

export interface OverviewActions {
  refreshOverview: () => Promise<void>
}

export const initialOverview: OverviewSlice = { stats: NOTHING }

export function overviewActions(tools: Tools): OverviewActions {
  const stats = loader(tools, 'overview', 'stats')
  return {
    refreshOverview: async () => {
      await Promise.all([
        tools.get().loadJobCounts(),
        tools.get().loadGates(),
        stats.load((signal) => api.getBackgroundJobStats({ signal })),
      ])
    },
  }
}
