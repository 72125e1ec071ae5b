/* Moves within a view that the browser's Back undoes: a tab, a page, what is open. Typing is setParams. */
import { formatHash, parseHash } from '../shell/route'

export type Changes = Readonly<Record<string, string | null>>

/* The address with some parameters changed; null removes one. */
export function hashWith(changes: Changes, hash: string = location.hash): string {
  const { view, params } = parseHash(hash)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') {
      params.delete(name)
    } else {
      params.set(name, value)
    }
  }
  return formatHash(view, params)
}

export function travel(changes: Changes): void {
  location.hash = hashWith(changes)
}
