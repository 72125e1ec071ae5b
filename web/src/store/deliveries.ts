/** Deliveries: what was sent to whom. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'

export type DeliveriesSlice = {
  readonly query: api.DeliveryFilter
  readonly list: Remote<api.DeliveryList>
  readonly openId: string | null
  readonly open: Remote<api.DeliveryDetail>
}

export interface DeliveriesActions {
  getDeliveries: (query?: api.DeliveryFilter) => Promise<api.DeliveryList | null>
  refreshDeliveries: () => Promise<void>
  openDelivery: (deliveryId: string | null) => void
  refreshDelivery: () => Promise<void>
  /** The new delivery. */
  resendDelivery: (deliveryId: string) => Promise<api.DeliveryDetail>
}

export const initialDeliveries: DeliveriesSlice = { query: { limit: 50 }, list: NOTHING, openId: null, open: NOTHING }

export function deliveriesActions(tools: Tools): DeliveriesActions {
  const list = loader(tools, 'deliveries', 'list')
  const open = loader(tools, 'deliveries', 'open')
  return {
    getDeliveries: (query = {}) => {
      patch(tools, 'deliveries', () => ({ query }))
      return list.load((signal) => api.getDeliveries(query, { signal }))
    },
    refreshDeliveries: async () => {
      await list.load((signal) => api.getDeliveries(tools.get().deliveries.query, { signal }))
    },
    openDelivery: (deliveryId) => {
      if (tools.get().deliveries.openId === deliveryId) return
      open.replace(null)
      patch(tools, 'deliveries', () => ({ openId: deliveryId }))
      tools.poke('delivery')
    },
    refreshDelivery: async () => {
      const { openId } = tools.get().deliveries
      if (openId !== null) await open.load((signal) => api.getDelivery(openId, { signal }))
    },
    resendDelivery: async (deliveryId) => {
      const delivery = await api.resendDelivery(deliveryId)
      tools.poke('deliveries', 'delivery', 'counts', 'jobs')
      return delivery
    },
  }
}
