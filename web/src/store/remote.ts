/** What the store knows of one thing that the server has. */
import { formatJson } from '../services/json'

export interface Remote<T> {
  /** The latest that arrived; stays while it is loaded again, and when that fails. */
  readonly data: T | null
  /** Why the last load failed; null after one that did not. */
  readonly error: Error | null
  readonly loading: boolean
  /** When data was last known to be so, in ms of Date.now(); 0: never. */
  readonly loadedAt: number
}

export const NOTHING: Remote<never> = { data: null, error: null, loading: false, loadedAt: 0 }

export function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}

/** Calls without an entity tag bring equal answers as new objects; keeping the old one keeps React from drawing it again. */
export function same<T>(before: T | null, now: T): T {
  return before !== null && before !== now && formatJson(before) === formatJson(now) ? before : now
}

/** How exact loadedAt is: what has not changed is not told again for so long. */
const FRESH_MS = 10_000

export function loaded<T>(before: Remote<T>, data: T, now: number): Remote<T> {
  const kept = same(before.data, data)
  const told = kept === before.data && !before.error && !before.loading && now - before.loadedAt < FRESH_MS
  return told ? before : { data: kept, error: null, loading: false, loadedAt: now }
}

export function failed<T>(before: Remote<T>, error: Error): Remote<T> {
  return { ...before, error, loading: false }
}

/**
 * One load at a time for one place in the store: a later one aborts the earlier, so that an old answer never overwrites a
 * newer one. run resolves to null when it was overtaken.
 */
export class Latest {
  private current: AbortController | null = null

  async run<T>(load: (signal: AbortSignal) => Promise<T>): Promise<{ value: T } | null> {
    this.abort()
    const mine = new AbortController()
    this.current = mine
    try {
      const value = await load(mine.signal)
      return mine.signal.aborted ? null : { value }
    } catch (error) {
      if (mine.signal.aborted) return null
      throw error
    } finally {
      if (this.current === mine) this.current = null
    }
  }

  abort(): void {
    this.current?.abort()
    this.current = null
  }
}
