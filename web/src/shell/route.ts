import { useMemo, useSyncExternalStore } from 'react'

/* Where one is: the hash, as in #/jobs?status=failed&page=2. Everything that a reload should bring back belongs there. */

export const VIEWS = [
  'overview', 'settings', 'jobs', 'dead-letters', 'schedules', 'deliveries',
  'providers', 'templates', 'suppressions',
] as const
export type View = (typeof VIEWS)[number]

export interface Route {
  view: View
  params: URLSearchParams
}

export function parseHash(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const view = VIEWS.find((v) => v === path) ?? 'overview'
  return { view, params: new URLSearchParams(query) }
}

export function formatHash(view: View, params?: URLSearchParams | Record<string, string>): string {
  const query = new URLSearchParams(params).toString()
  return `#/${view}${query === '' ? '' : `?${query}`}`
}

/* Asked before a view is left; false keeps it. One at a time: a view with unsaved edits is the one that is shown. */
let guard: { mayLeave: () => boolean; part: string | undefined } | null = null

/* part: a parameter whose change leaves too what is guarded. */
export function setLeaveGuard(mayLeave: (() => boolean) | null, part?: string): void {
  guard = mayLeave === null ? null : { mayLeave, part }
}

export function leaves(from: Route, to: Route, part: string | undefined): boolean {
  return from.view !== to.view || (part !== undefined && from.params.get(part) !== to.params.get(part))
}

let current = typeof location === 'undefined' ? '' : location.hash
const listeners = new Set<() => void>()

function onHashChange(): void {
  if (location.hash === current) {
    return
  }
  if (guard !== null && leaves(parseHash(current), parseHash(location.hash), guard.part) && !guard.mayLeave()) {
    history.replaceState(null, '', current === '' ? '#/overview' : current)
    return
  }
  current = location.hash
  listeners.forEach((tell) => tell())
}

function subscribe(tell: () => void): () => void {
  if (listeners.size === 0) {
    addEventListener('hashchange', onHashChange)
  }
  listeners.add(tell)
  return () => {
    listeners.delete(tell)
    if (listeners.size === 0) {
      removeEventListener('hashchange', onHashChange)
    }
  }
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => current)
  return useMemo(() => parseHash(hash), [hash])
}

export function navigate(view: View, params?: URLSearchParams | Record<string, string>): void {
  location.hash = formatHash(view, params)
}

/* Changes some parameters of the present view; null or '' removes one. No entry in the history: typing is not travel. */
export function setParams(changes: Record<string, string | null>): void {
  const route = parseHash(current)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') {
      route.params.delete(name)
    } else {
      route.params.set(name, value)
    }
  }
  current = formatHash(route.view, route.params)
  history.replaceState(null, '', current)
  listeners.forEach((tell) => tell())
}
