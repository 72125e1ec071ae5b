/* Actions whose outcome is told in a toast. */
import { useState } from 'react'
import { isAbort } from '../services/api'
import type { BulkOptions, BulkOutcome } from '../store/jobs'
import { strings } from '../strings'
import { showToast } from '../ui/Toast'
import { explain } from './explain'

/* Runs one action at a time; busy while it is under way. done: what to say when it went well, null for nothing. */
export function useAct(): {
  busy: boolean
  act: <T>(call: () => Promise<T>, done: (value: T) => string | null) => Promise<boolean>
} {
  const [busy, setBusy] = useState(false)
  const act = async <T>(call: () => Promise<T>, done: (value: T) => string | null): Promise<boolean> => {
    setBusy(true)
    try {
      const text = done(await call())
      if (text !== null) {
        showToast('good', text)
      }
      return true
    } catch (error) {
      if (!isAbort(error)) {
        showToast('bad', explain(error))
      }
      return false
    } finally {
      setBusy(false)
    }
  }
  return { busy, act }
}

export interface Progress {
  done: number
  of: number
  waitS: number
}

/* Acts on selected rows one after the other; tells how far it is, can be stopped, and ends with a report. */
export function useBulk(): {
  progress: Progress | null
  stop: () => void
  run: (act: (options: BulkOptions) => Promise<BulkOutcome>, done: (n: number) => string) => Promise<void>
} {
  const [state, setState] = useState<{ progress: Progress; abort: AbortController } | null>(null)
  const run = async (
    act: (options: BulkOptions) => Promise<BulkOutcome>,
    done: (n: number) => string,
  ): Promise<void> => {
    const abort = new AbortController()
    const onProgress = (n: number, of: number, waitS: number): void =>
      setState({ progress: { done: n, of, waitS }, abort })
    try {
      const { done: changed, refused } = await act({ signal: abort.signal, onProgress })
      report(changed.length, refused, done)
    } catch (error) {
      showToast(isAbort(error) ? 'warn' : 'bad', isAbort(error) ? strings.data.bulk.stopped : explain(error))
    } finally {
      setState(null)
    }
  }
  return { progress: state?.progress ?? null, stop: () => state?.abort.abort(), run }
}

function report(changed: number, refused: ReadonlyMap<string, Error>, done: (n: number) => string): void {
  if (refused.size === 0) {
    showToast('good', done(changed))
    return
  }
  const [first] = refused.values()
  showToast('warn', strings.data.bulk.partly(done(changed), refused.size, explain(first)))
}
