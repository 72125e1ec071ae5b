/** Suppressions: addresses that get nothing. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'

export type SuppressionsSlice = {
  readonly query: api.SuppressionFilter
  readonly list: Remote<api.SuppressionList>
}

export interface SuppressionsActions {
  getSuppressions: (query?: api.SuppressionFilter) => Promise<api.SuppressionList | null>
  refreshSuppressions: () => Promise<void>
  createSuppression: (suppression: api.SuppressionCreate) => Promise<api.Suppression>
  removeSuppression: (channel: string, address: string) => Promise<void>
}

export const initialSuppressions: SuppressionsSlice = { query: { limit: 50 }, list: NOTHING }

export function suppressionsActions(tools: Tools): SuppressionsActions {
  const list = loader(tools, 'suppressions', 'list')
  return {
    getSuppressions: (query = {}) => {
      patch(tools, 'suppressions', () => ({ query }))
      return list.load((signal) => api.getSuppressions(query, { signal }))
    },
    refreshSuppressions: async () => {
      await list.load((signal) => api.getSuppressions(tools.get().suppressions.query, { signal }))
    },
    createSuppression: async (suppression) => {
      const made = await api.createSuppression(suppression)
      tools.poke('suppressions')
      return made
    },
    removeSuppression: async (channel, address) => {
      await api.removeSuppression(channel, address)
      patch(tools, 'suppressions', ({ list: now }) => {
        if (!now.data) return {}
        const suppressions = now.data.suppressions.filter((row) => row.channel !== channel || row.address !== address)
        return { list: { ...now, data: { ...now.data, suppressions } } }
      })
      tools.poke('suppressions')
    },
  }
}
