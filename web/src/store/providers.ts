/** Providers, the organization's accounts with them, and messages that try them out. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'

export type ProvidersSlice = {
  readonly list: Remote<readonly api.Provider[]>
  readonly openName: string | null
  /** The account that is open, with its entity tag; its data is null where there is none. */
  readonly open: Remote<{ readonly account: api.ProviderAccount | null }>
}

export interface ProvidersActions {
  loadProviders: () => Promise<void>
  /** null closes it. */
  openProvider: (name: string | null) => void
  refreshProvider: () => Promise<void>
  /** PreconditionFailedError when somebody else was quicker; what is open is theirs then. */
  saveProviderAccount: (
    name: string,
    changes: api.ProviderAccountUpdate,
    options?: api.ChangeOptions,
  ) => Promise<api.ProviderAccount>
  deleteProviderAccount: (name: string) => Promise<void>
  pauseProvider: (name: string, reason: string | null) => Promise<api.ProviderAccount>
  resumeProvider: (name: string) => Promise<api.ProviderAccount>
  /** By the way of a message, or (no recipient) of a login. Resolves also when it was not taken. */
  tryProvider: (trial: Trial, options?: api.CallOptions) => Promise<api.TestEmailResult>
}

/** What is tried out: a message over a channel, or a login. */
export type Trial =
  | { kind: 'login'; provider: string; body: api.ProviderCheckRequest }
  | { kind: 'email'; body: api.TestEmailRequest }
  | { kind: 'sms'; body: api.TestSmsRequest }
  | { kind: 'slack'; body: api.TestSlackRequest }
  | { kind: 'webhook'; body: api.TestWebhookRequest }

export const initialProviders: ProvidersSlice = { list: NOTHING, openName: null, open: NOTHING }

async function accountOf(name: string, signal: AbortSignal): Promise<{ account: api.ProviderAccount | null }> {
  try {
    return { account: await api.getProviderAccount(name, { signal }) }
  } catch (error) {
    if (error instanceof api.NotFoundError) return { account: null }
    throw error
  }
}

function send(trial: Trial, options: api.CallOptions): Promise<api.TestEmailResult> {
  if (trial.kind === 'login') return api.checkProvider(trial.provider, trial.body, options)
  if (trial.kind === 'email') return api.testEmail(trial.body, options)
  if (trial.kind === 'sms') return api.testSms(trial.body, options)
  if (trial.kind === 'slack') return api.testSlack(trial.body, options)
  return api.testWebhook(trial.body, options)
}

export function providersActions(tools: Tools): ProvidersActions {
  const list = loader(tools, 'providers', 'list')
  const open = loader(tools, 'providers', 'open')
  const refreshProvider = async (): Promise<void> => {
    const { openName, list: known } = tools.get().providers
    if (openName === null) return
    const hasNone = known.data?.some((each) => each.name === openName && each.account === null) ?? false
    if (hasNone) open.replace({ account: null }) // the list says so: nothing to ask for
    else await open.load((signal) => accountOf(openName, signal))
  }
  /** In the list and, when it is open, there: a refresh must not find the one without the other. */
  const keep = (name: string, account: api.ProviderAccount | null): void => {
    patch(tools, 'providers', ({ list: now }) => {
      const data = now.data?.map((each) => (each.name === name ? { ...each, account } : each)) ?? null
      return { list: { ...now, data } }
    })
    if (tools.get().providers.openName === name) open.replace({ account })
    tools.poke('providers')
  }
  const show = async (name: string, call: Promise<api.ProviderAccount>): Promise<api.ProviderAccount> => {
    const account = await call
    keep(name, account)
    return account
  }
  return {
    loadProviders: async () => {
      await list.load((signal) => api.getProviders({ signal }))
    },
    openProvider: (name) => {
      if (tools.get().providers.openName === name) return
      open.replace(null)
      patch(tools, 'providers', () => ({ openName: name }))
      tools.poke('provider')
    },
    refreshProvider,
    saveProviderAccount: async (name, changes, options) => {
      try {
        return await show(name, api.saveProviderAccount(name, changes, options))
      } catch (error) {
        if (error instanceof api.PreconditionFailedError) await refreshProvider()
        throw error
      }
    },
    deleteProviderAccount: async (name) => {
      await api.deleteProviderAccount(name)
      keep(name, null)
    },
    pauseProvider: (name, reason) => show(name, api.pauseProvider(name, reason)),
    resumeProvider: (name) => show(name, api.resumeProvider(name)),
    tryProvider: async (trial, options = {}) => {
      const result = await send(trial, options)
      tools.poke('counts', 'jobs')
      return result
    },
  }
}
