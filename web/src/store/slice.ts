/** What the slices are made of. */
import { failed, asError, Latest, loaded, type Remote } from './remote'
import type { OrgState } from './orgStore'

export type Topic =
  | 'settings' | 'counts' | 'jobs' | 'job' | 'dead' | 'schedules' | 'schedule' | 'deliveries' | 'delivery' | 'overview'
  | 'providers' | 'provider' | 'templates' | 'template' | 'suppressions' | 'history'

export interface Tools {
  set: (change: (state: OrgState) => Partial<OrgState>) => void
  get: () => OrgState
  /** Refreshes topics now, if they are watched: after a change of ours, everybody sees it. */
  poke: (...topics: Topic[]) => void
}

type SliceName =
  | 'settings' | 'jobs' | 'dead' | 'schedules' | 'deliveries' | 'overview'
  | 'providers' | 'templates' | 'suppressions' | 'audit'

/** Changes members of one slice. */
export function patch<N extends SliceName>(
  tools: Tools,
  name: N,
  change: (slice: OrgState[N]) => Partial<OrgState[N]>,
): void {
  tools.set((state) => ({ [name]: { ...state[name], ...change(state[name]) } }) as unknown as Partial<OrgState>)
}

type RemoteKeys<S> = { [K in keyof S]: S[K] extends Remote<unknown> ? K : never }[keyof S]

/**
 * A loader for one Remote of a slice: shows that it is loading (but not that it looks again at what is there), then what came or why nothing did. Rejects with the error
 * too; resolves to null when a later load overtook it.
 */
export function loader<N extends SliceName, K extends RemoteKeys<OrgState[N]>>(tools: Tools, name: N, key: K) {
  type T = OrgState[N][K] extends Remote<infer D> ? D : never
  const latest = new Latest()
  const put = (change: (before: Remote<T>) => Remote<T>): void => {
    const before = tools.get()[name][key] as Remote<T>
    const after = change(before)
    if (after !== before) patch(tools, name, () => ({ [key]: after }) as Partial<OrgState[N]>)
  }
  const load = async (
    call: (signal: AbortSignal) => Promise<T>,
    merge?: (before: T | null, now: T) => T,
  ): Promise<T | null> => {
    put((before) => (before.data !== null && !before.error ? before : { ...before, loading: true }))
    try {
      const answer = await latest.run(call)
      if (!answer) return null
      put((before) => loaded(before, merge ? merge(before.data, answer.value) : answer.value, Date.now()))
      return answer.value
    } catch (cause) {
      put((before) => failed(before, asError(cause)))
      throw cause
    }
  }
  /** What an action brought is newer than any load under way. */
  const replace = (data: T | null): void => {
    latest.abort()
    put((before) =>
      data === null ? { data: null, error: null, loading: false, loadedAt: 0 } : loaded(before, data, Date.now()),
    )
  }
  return { load, replace }
}
