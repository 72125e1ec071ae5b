/** The audit log, as far as the page shows it: who changed the settings, and who did something to the open job. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, type Tools } from './slice'

/** Entries from the newest on, without a gap. cursor: where older ones begin; null: there are none. */
export interface History {
  readonly entries: readonly api.AuditEntry[]
  readonly cursor: string | null
}

export type AuditSlice = {
  readonly settings: Remote<History>
  readonly job: Remote<History>
}

export interface AuditActions {
  /** Watch 'history' to keep it fresh. */
  refreshSettingsHistory: () => Promise<void>
  loadOlderSettingsHistory: () => Promise<void>
  refreshJobHistory: (jobId: string) => Promise<void>
  forgetJobHistory: () => void
}

export const initialAudit: AuditSlice = { settings: NOTHING, job: NOTHING }

const SETTINGS = 'notification_settings.update'
const PAGE = 10
const JOB_PAGE = 50

const historyOf = ({ entries, next_cursor }: api.AuditLog): History => ({ entries, cursor: next_cursor })

/** The newest page over what was read before; when they do not meet, something between them is not known. */
export function withNewest(before: History | null, newest: History): History {
  const last = newest.entries.at(-1)?.id
  if (before === null || last === undefined || newest.cursor === null) return newest
  const meets = before.entries.some(({ id }) => id >= last)
  const older = before.entries.filter(({ id }) => id < last)
  return meets && older.length > 0 ? { entries: [...newest.entries, ...older], cursor: before.cursor } : newest
}

export function withOlder(before: History | null, older: History): History {
  return { entries: [...(before?.entries ?? []), ...older.entries], cursor: older.cursor }
}

export function auditActions(tools: Tools): AuditActions {
  const settings = loader(tools, 'audit', 'settings')
  const job = loader(tools, 'audit', 'job')
  const page = async (cursor: string | null, signal: AbortSignal): Promise<History> =>
    historyOf(await api.getAuditLog({ action: SETTINGS, limit: PAGE, cursor }, { signal }))
  return {
    refreshSettingsHistory: async () => {
      await settings.load((signal) => page(null, signal), withNewest)
    },
    loadOlderSettingsHistory: async () => {
      const cursor = tools.get().audit.settings.data?.cursor ?? null
      if (cursor !== null) await settings.load((signal) => page(cursor, signal), withOlder)
    },
    refreshJobHistory: async (jobId) => {
      await job.load(async (signal) => historyOf(await api.getAuditLog({ subject: jobId, limit: JOB_PAGE }, { signal })))
    },
    forgetJobHistory: () => job.replace(null),
  }
}
