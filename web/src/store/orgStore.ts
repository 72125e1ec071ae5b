/**
 * The store: it alone holds what the server knows, and it alone calls the API. A component reads with
 * `useOrgStore((state) => state.jobs.list)`, says with `useWatch('jobs')` what it needs fresh, and acts with the store's
 * actions. Nothing of it is written to the browser's disk.
 */
import { useEffect } from 'react'
import { create } from 'zustand'
import { NetworkError, UnavailableError } from '../services/errors'
import { auditActions, initialAudit, type AuditActions, type AuditSlice } from './audit'
import { deadActions, initialDead, type DeadActions, type DeadSlice } from './dead'
import { deliveriesActions, initialDeliveries, type DeliveriesActions, type DeliveriesSlice } from './deliveries'
import { initialJobs, jobsActions, type JobsActions, type JobsSlice } from './jobs'
import { initialOverview, overviewActions, type OverviewActions, type OverviewSlice } from './overview'
import { Poller } from './poller'
import { initialSchedules, schedulesActions, type SchedulesActions, type SchedulesSlice } from './schedules'
import { initialSettings, settingsActions, type SettingsActions, type SettingsSlice } from './settings'
import type { Tools, Topic } from './slice'
import { initialProviders, providersActions, type ProvidersActions, type ProvidersSlice } from './providers'
import { initialSuppressions, suppressionsActions, type SuppressionsActions, type SuppressionsSlice } from './suppressions'
import { initialTemplates, templatesActions, type TemplatesActions, type TemplatesSlice } from './templates'

export type { Topic } from './slice'
export type { Remote } from './remote'

/** Whether the server can be reached. */
export interface Connection {
  readonly state: 'ok' | 'trouble'
  /** Since when it cannot, in ms of Date.now(). */
  readonly since: number
  readonly error: Error | null
}

interface Common {
  readonly connection: Connection
  /** Keeps a topic fresh until what it returns is called. */
  watch: (topic: Topic) => () => void
  /** Refreshes what is watched, now: after a sign-in, or because somebody asks. */
  refresh: () => void
  /** Forgets everything: another user comes. */
  reset: () => void
}

export interface OrgState
  extends Common, SettingsActions, JobsActions, DeadActions, SchedulesActions, DeliveriesActions, OverviewActions,
    ProvidersActions, TemplatesActions, SuppressionsActions, AuditActions {
  readonly settings: SettingsSlice
  readonly jobs: JobsSlice
  readonly dead: DeadSlice
  readonly schedules: SchedulesSlice
  readonly deliveries: DeliveriesSlice
  readonly overview: OverviewSlice
  readonly providers: ProvidersSlice
  readonly templates: TemplatesSlice
  readonly suppressions: SuppressionsSlice
  readonly audit: AuditSlice
}

const CONNECTED: Connection = { state: 'ok', since: 0, error: null }

function initial() {
  return {
    connection: CONNECTED,
    settings: initialSettings,
    jobs: initialJobs,
    dead: initialDead,
    schedules: initialSchedules,
    deliveries: initialDeliveries,
    overview: initialOverview,
    providers: initialProviders,
    templates: initialTemplates,
    suppressions: initialSuppressions,
    audit: initialAudit,
  }
}

const LOADS: Readonly<Record<Topic, (state: OrgState) => Promise<void>>> = {
  settings: (state) => state.loadNotificationSettings(),
  counts: (state) => state.loadJobCounts(),
  jobs: async (state) => {
    await Promise.all([state.refreshJobs(), state.loadJobCounts()])
  },
  job: async (state) => {
    await Promise.all([state.refreshJob(), state.loadGates()])
  },
  dead: (state) => state.refreshDeadLetters(),
  schedules: (state) => state.refreshSchedules(),
  schedule: (state) => state.refreshSchedule(),
  deliveries: (state) => state.refreshDeliveries(),
  delivery: (state) => state.refreshDelivery(),
  overview: (state) => state.refreshOverview(),
  providers: (state) => state.loadProviders(),
  provider: (state) => state.refreshProvider(),
  templates: (state) => state.loadTemplates(),
  template: (state) => state.refreshTemplate(),
  suppressions: (state) => state.refreshSuppressions(),
  history: (state) => state.refreshSettingsHistory(),
}

/** One failed round may be a hiccup of one call; what the banner shows is that nothing gets through. */
function connectionAfter(before: Connection, error: Error | null): Connection {
  const trouble = error instanceof NetworkError || error instanceof UnavailableError
  if (!trouble) return before.state === 'ok' ? before : CONNECTED
  return before.state === 'ok' ? { state: 'trouble', since: Date.now(), error } : { ...before, error }
}

export const useOrgStore = create<OrgState>()((set, get) => {
  const poller = new Poller<Topic>({
    refresh: (topic) => LOADS[topic](get()),
    onRound: (_topic, error) => set((state) => ({ connection: connectionAfter(state.connection, error) })),
  })
  const tools: Tools = { set, get, poke: (...topics) => topics.forEach((topic) => poller.poke(topic)) }
  return {
    ...initial(),
    watch: (topic) => poller.watch(topic),
    refresh: () => poller.pokeAll(),
    reset: () => set(initial()),
    ...settingsActions(tools),
    ...jobsActions(tools),
    ...deadActions(tools),
    ...schedulesActions(tools),
    ...deliveriesActions(tools),
    ...overviewActions(tools),
    ...providersActions(tools),
    ...templatesActions(tools),
    ...suppressionsActions(tools),
    ...auditActions(tools),
  }
})

/** Keeps a topic fresh while the component is shown. */
export function useWatch(topic: Topic): void {
  const watch = useOrgStore((state) => state.watch)
  useEffect(() => watch(topic), [watch, topic])
}
