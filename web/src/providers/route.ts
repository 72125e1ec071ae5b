/*
 * In which order messages go to the providers of a channel: the one that the settings name, then by position and name; those
 * that are switched off or paused are left out. (The server's own order: common/domain/provider_open.c.)
 */
import type { NotificationSettings, Provider } from '../services/api'
import { strings } from '../strings'

export const CHANNELS = ['email', 'sms', 'slack', 'webhook'] as const
export type Channel = (typeof CHANNELS)[number]

export type State = 'none' | 'off' | 'paused' | 'ready'

export function stateOf({ account }: Provider): State {
  if (account === null) {
    return 'none'
  }
  if (!account.enabled) {
    return 'off'
  }
  return account.paused_at === null ? 'ready' : 'paused'
}

type Settings = Pick<NotificationSettings, 'email_provider' | 'sms_provider' | 'email_enabled' | 'sms_enabled' | 'slack_enabled'>

function preferred(channel: Channel, settings: Settings | null): string | null {
  if (channel === 'email') {
    return settings?.email_provider ?? null
  }
  return channel === 'sms' ? (settings?.sms_provider ?? null) : null
}

export function isOff(channel: Channel, settings: Settings | null): boolean {
  const enabled = { email: settings?.email_enabled, sms: settings?.sms_enabled, slack: settings?.slack_enabled, webhook: true }
  return enabled[channel] === false
}

/* All providers of the channel, those with an account first, in the order in which they would be used. */
export function ordered(channel: Channel, providers: readonly Provider[], settings: Settings | null): Provider[] {
  const first = preferred(channel, settings)
  const rank = ({ name, account }: Provider): number => {
    if (account === null || !account.enabled) {
      return account === null ? 3000 : 2000
    }
    return name === first ? -1 : account.position
  }
  return providers
    .filter((each) => each.channel === channel)
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}

/* The names of those that get messages, the first one first. */
export const inUse = (list: readonly Provider[]): string[] =>
  list.filter((each) => stateOf(each) === 'ready').map(({ name }) => name)

export const helpOf = ({ name, help }: Provider): string => strings.providers.helps[name] ?? help

/* In words: where a message of the channel goes. */
export function sentence(channel: Channel, list: readonly Provider[]): string {
  const words = strings.providers.route
  const [first, ...rest] = inUse(list).map((name) => strings.providers.names[name] ?? name)
  if (first !== undefined && channel === 'webhook') {
    return words.posted
  }
  if (first !== undefined) {
    return rest.length === 0 ? words.one(first) : words.several(first, rest.join(strings.providers.then))
  }
  if (list.some((each) => stateOf(each) === 'paused')) {
    return words.allPaused
  }
  return channel === 'webhook' ? words.webhook : channel === 'slack' ? words.slack : words.none
}
