/** Schedules, which create jobs again and again. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'

export type SchedulesSlice = {
  readonly cursor: string | null
  readonly list: Remote<api.ScheduleList>
  readonly openId: string | null
  readonly open: Remote<api.ScheduleDetail>
}

export interface SchedulesActions {
  getSchedules: (cursor?: string | null) => Promise<api.ScheduleList | null>
  refreshSchedules: () => Promise<void>
  openSchedule: (scheduleId: string | null) => void
  refreshSchedule: () => Promise<void>
  pauseSchedule: (scheduleId: string) => Promise<api.ScheduleDetail>
  resumeSchedule: (scheduleId: string) => Promise<api.ScheduleDetail>
  /** The job that it created. */
  runSchedule: (scheduleId: string) => Promise<api.JobDetail>
  createSchedule: (schedule: api.ScheduleCreate) => Promise<api.ScheduleDetail>
  /** PreconditionFailedError when somebody else was quicker; what is open is theirs then. */
  updateSchedule: (
    scheduleId: string,
    changes: api.ScheduleUpdate,
    options?: api.ChangeOptions,
  ) => Promise<api.ScheduleDetail>
  deleteSchedule: (scheduleId: string) => Promise<void>
  /** The next ten firings, RFC 3339 with the zone's offset; empty when there are none within eight years. */
  previewSchedule: (cron: string, timezone: string, options?: api.CallOptions) => Promise<readonly string[]>
}

const PAGE = 50

export const initialSchedules: SchedulesSlice = { cursor: null, list: NOTHING, openId: null, open: NOTHING }

export function schedulesActions(tools: Tools): SchedulesActions {
  const list = loader(tools, 'schedules', 'list')
  const open = loader(tools, 'schedules', 'open')
  const page = (cursor: string | null): Promise<api.ScheduleList | null> =>
    list.load((signal) => api.getSchedules({ limit: PAGE, cursor }, { signal }))
  const show = async (call: Promise<api.ScheduleDetail>): Promise<api.ScheduleDetail> => {
    const schedule = await call
    if (tools.get().schedules.openId === schedule.id) open.replace(schedule)
    tools.poke('schedules', 'schedule')
    return schedule
  }
  const refreshSchedule = async (): Promise<void> => {
    const { openId } = tools.get().schedules
    if (openId !== null) await open.load((signal) => api.getSchedule(openId, { signal }))
  }
  return {
    getSchedules: (cursor = null) => {
      patch(tools, 'schedules', () => ({ cursor }))
      return page(cursor)
    },
    refreshSchedules: async () => {
      await page(tools.get().schedules.cursor)
    },
    openSchedule: (scheduleId) => {
      if (tools.get().schedules.openId === scheduleId) return
      open.replace(null)
      patch(tools, 'schedules', () => ({ openId: scheduleId }))
      tools.poke('schedule')
    },
    refreshSchedule,
    pauseSchedule: (scheduleId) => show(api.pauseSchedule(scheduleId)),
    resumeSchedule: (scheduleId) => show(api.resumeSchedule(scheduleId)),
    runSchedule: async (scheduleId) => {
      const job = await api.runSchedule(scheduleId)
      tools.poke('schedules', 'schedule', 'counts', 'jobs')
      return job
    },
    createSchedule: (schedule) => show(api.createSchedule(schedule)),
    updateSchedule: async (scheduleId, changes, options) => {
      try {
        return await show(api.updateSchedule(scheduleId, changes, options))
      } catch (error) {
        if (error instanceof api.PreconditionFailedError) await refreshSchedule()
        throw error
      }
    },
    previewSchedule: (cron, timezone, options) => api.previewSchedule(cron, timezone, options),
    deleteSchedule: async (scheduleId) => {
      await api.deleteSchedule(scheduleId)
      tools.poke('schedules')
    },
  }
}
