import { useSyncExternalStore } from 'react'

/* One timer for every relative time on the page; it rests while nobody looks. */
const TICK_MS = 1000
const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  timer ??= setInterval(() => {
    if (!document.hidden) {
      now = Date.now()
      listeners.forEach((each) => each())
    }
  }, TICK_MS)
  return () => {
    listeners.delete(tell)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/* Milliseconds since 1970, cut to steps of step_ms, so that what shows minutes is drawn once a minute. */
export function useNow(stepMs = TICK_MS): number {
  return useSyncExternalStore(subscribe, () => Math.floor(Math.max(now, 0) / stepMs) * stepMs)
}
