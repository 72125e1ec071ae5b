/** The organization's notification settings. data is what the server has; edits that are not saved belong to the form. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, type Tools } from './slice'

export type SettingsSlice = {
  readonly current: Remote<api.NotificationSettings>
}

export interface SettingsActions {
  loadNotificationSettings: () => Promise<void>
  /**
   * Saves changes over the version that is loaded, or (overwrite) over whatever there is. When somebody else was quicker it
   * throws PreconditionFailedError, and settings.current then holds theirs.
   */
  updateNotificationSettings: (
    changes: api.NotificationSettingsUpdate,
    options?: { overwrite?: boolean; ifMatch?: string | null },
  ) => Promise<api.NotificationSettings>
  testEmailNotification: (email: string, options?: api.CallOptions) => Promise<api.TestEmailResult>
  previewDigest: (recipient: string, options?: api.CallOptions) => Promise<api.DigestPreview>
}

export const initialSettings: SettingsSlice = { current: NOTHING }

export function settingsActions(tools: Tools): SettingsActions {
  const current = loader(tools, 'settings', 'current')
  const loadNotificationSettings = async (): Promise<void> => {
    await current.load((signal) => api.getNotificationSettings({ signal }))
  }
  return {
    loadNotificationSettings,
    updateNotificationSettings: async (changes, options = {}) => {
      const ifMatch = options.overwrite ? null : (options.ifMatch ?? api.etagOf(tools.get().settings.current.data))
      try {
        const saved = await api.updateNotificationSettings(changes, { ifMatch })
        current.replace(saved)
        tools.poke('history')
        return saved
      } catch (error) {
        if (error instanceof api.PreconditionFailedError) await loadNotificationSettings()
        throw error
      }
    },
    testEmailNotification: async (email, options = {}) => {
      const result = await api.testEmailNotification(email, options)
      tools.poke('counts', 'jobs')
      return result
    },
    previewDigest: api.previewDigest,
  }
}
