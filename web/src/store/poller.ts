/**
 * Keeps what is being looked at fresh. A view watches topics; each topic that somebody watches is refreshed again and again
 * while the page can be seen: every intervalMs, less often when the server is slow or failing, and at once when the page is
 * shown again, the network comes back, or somebody pokes.
 */
import { ApiError, UnauthorizedError } from '../services/errors'

export interface PollerParts<Topic extends string> {
  /** Loads a topic; a rejection counts as a failure, whatever it does to the store itself. */
  refresh: (topic: Topic) => Promise<void>
  /** Told after each round of a topic: null, or why it failed. */
  onRound?: (topic: Topic, error: Error | null) => void
  intervalMs?: number
  /** Longest pause after failures. */
  slowestMs?: number
  isVisible?: () => boolean
}

interface Entry {
  watchers: number
  failures: number
  busy: boolean
  /** Somebody poked while it was busy: go again at once. */
  again: boolean
  timer: ReturnType<typeof setTimeout> | null
}

const SLOW_SERVER_FACTOR = 4

/** How long to wait after a round that took tookMs: a slow server is asked less, a failing one less and less. */
export function pauseMs(
  round: { tookMs: number; failures: number; error: Error | null },
  intervalMs: number,
  slowestMs: number,
): number {
  const base = Math.max(intervalMs, round.tookMs * SLOW_SERVER_FACTOR)
  const backed = Math.min(slowestMs, base * 2 ** Math.min(round.failures, 10))
  const asked = round.error instanceof ApiError ? (round.error.retryAfterS ?? 0) * 1000 : 0
  return Math.max(Math.min(base, slowestMs), backed, asked)
}

export class Poller<Topic extends string> {
  private readonly entries = new Map<Topic, Entry>()
  private readonly parts: Required<PollerParts<Topic>>

  constructor(parts: PollerParts<Topic>) {
    this.parts = {
      onRound: () => {},
      intervalMs: 2_000,
      slowestMs: 30_000,
      isVisible: () => typeof document === 'undefined' || document.visibilityState !== 'hidden',
      ...parts,
    }
    if (typeof document !== 'undefined') document.addEventListener('visibilitychange', () => this.pokeAll())
    if (typeof window !== 'undefined') window.addEventListener('online', () => this.pokeAll())
  }

  /** Begins at once; call what it returns to stop. */
  watch(topic: Topic): () => void {
    const entry = this.entries.get(topic) ?? { watchers: 0, failures: 0, busy: false, again: false, timer: null }
    this.entries.set(topic, entry)
    entry.watchers += 1
    this.poke(topic)
    let watching = true
    return () => {
      if (!watching) return
      watching = false
      entry.watchers -= 1
      if (entry.watchers === 0) this.rest(entry)
    }
  }

  /** Refreshes a topic now, if anybody watches it. */
  poke(topic: Topic): void {
    const entry = this.entries.get(topic)
    if (!entry || entry.watchers === 0) return
    if (entry.busy) {
      entry.again = true
      return
    }
    void this.round(topic, entry)
  }

  pokeAll(): void {
    if (this.parts.isVisible()) for (const topic of this.entries.keys()) this.poke(topic)
  }

  private rest(entry: Entry): void {
    if (entry.timer !== null) clearTimeout(entry.timer)
    entry.timer = null
  }

  private async round(topic: Topic, entry: Entry): Promise<void> {
    this.rest(entry)
    if (!this.parts.isVisible()) return // visibilitychange pokes
    entry.busy = true
    entry.again = false
    const began = performance.now()
    let error: Error | null = null
    try {
      await this.parts.refresh(topic)
    } catch (cause) {
      error = cause instanceof Error ? cause : new Error(String(cause))
    }
    entry.busy = false
    entry.failures = error ? entry.failures + 1 : 0
    this.parts.onRound(topic, error)
    if (entry.watchers > 0) this.plan(topic, entry, performance.now() - began, error)
  }

  private plan(topic: Topic, entry: Entry, tookMs: number, error: Error | null): void {
    if (error instanceof UnauthorizedError) return // a new sign-in pokes
    const { intervalMs, slowestMs } = this.parts
    const wait = entry.again && !error ? 0 : pauseMs({ tookMs, failures: entry.failures, error }, intervalMs, slowestMs)
    entry.timer = setTimeout(() => void this.round(topic, entry), wait)
  }
}
