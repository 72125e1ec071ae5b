/* Tries a provider and tells how far it came; one try at a time, and none outlives what asked for it. */
import { useEffect, useRef, useState } from 'react'
import { isAbort, ValidationError, type Fault } from '../services/api'
import { useOrgStore } from '../store/orgStore'
import type { Trial } from '../store/providers'
import { failureOf, type Try } from '../ui/Stages'

/* run resolves to what is wrong with what was asked, for who shows it at its fields; otherwise state tells. */
export function useTry(): { state: Try; run: (trial: Trial) => Promise<readonly Fault[]> } {
  const tryProvider = useOrgStore((store) => store.tryProvider)
  const [state, setState] = useState<Try>({ at: 'rest' })
  const aborter = useRef<AbortController>(null)
  useEffect(() => () => aborter.current?.abort(), [])
  const run = async (trial: Trial): Promise<readonly Fault[]> => {
    const mine = new AbortController()
    aborter.current = mine
    const began = performance.now()
    setState({ at: 'sending' })
    try {
      const result = await tryProvider(trial, { signal: mine.signal })
      setState({ at: 'done', result, tookMs: performance.now() - began, what: trial.kind })
    } catch (error) {
      if (isAbort(error)) {
        return []
      }
      if (error instanceof ValidationError && error.errors.length > 0) {
        setState({ at: 'rest' })
        return error.errors
      }
      setState(failureOf(error))
    }
    return []
  }
  return { state, run }
}
