import { create } from 'zustand'

/*
 * Who is signed in. The token is kept in memory alone: it is gone with the page, and no script of another page finds it.
 * What the token says is read to show it and to leave out what would be refused; the server alone decides.
 */

export interface Claims {
  sub: string
  org: string
  roles: string[]
  exp: number | null // seconds since 1970
}

export type Ended = 'expired' | 'refused' | 'signed-out'

export type Verdict = 'taken' | 'malformed' | 'refused'

interface SessionState {
  token: string | null
  claims: Claims | null
  ended: Ended | null // why a token is asked for again; null at the first time
  signedInAt: number
  signIn(token: string): Promise<Verdict>
  end(why: Ended): void
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/* null when it is no JWT; an API key is one that says nothing of itself. */
export function readClaims(token: string): Claims | null {
  const body = token.split('.')[1]
  if (token.split('.').length !== 3 || body === undefined) {
    return null
  }
  try {
    const bytes = Uint8Array.from(atob(body.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    const roles = Array.isArray(claims['roles']) ? claims['roles'].filter((r): r is string => typeof r === 'string') : []
    const exp = typeof claims['exp'] === 'number' ? claims['exp'] : null
    return { sub: text(claims['sub']), org: text(claims['org']), roles, exp }
  } catch {
    return null
  }
}

/* A token may arrive with "Bearer " in front, quotes or line ends: it was copied from somewhere. */
export function cleanToken(pasted: string): string {
  return pasted.trim().replace(/^["']|["']$/g, '').replace(/^Bearer\s+/i, '').replace(/\s+/g, '')
}

export const isExpired = (claims: Claims | null, nowMs: number): boolean =>
  claims?.exp != null && claims.exp * 1000 <= nowMs

const PROBE = '/api/system/job-types'

/* Whether the server takes a token at all; what it may do is another matter. A server that is away refuses none. */
async function isRefused(token: string): Promise<boolean> {
  try {
    const answer = await fetch(PROBE, { headers: { Authorization: `Bearer ${token}` }, cache: 'no-store' })
    return answer.status === 401
  } catch {
    return false
  }
}

export const useSession = create<SessionState>()((set, get) => ({
  token: null,
  claims: null,
  ended: null,
  signedInAt: 0,
  signIn: async (pasted) => {
    const token = cleanToken(pasted)
    const claims = readClaims(token)
    if (claims === null || isExpired(claims, Date.now())) {
      return 'malformed'
    }
    if (await isRefused(token)) {
      return 'refused'
    }
    set({ token, claims, ended: null, signedInAt: Date.now() })
    return 'taken'
  },
  end: (why) => {
    if (get().claims !== null) {
      set(why === 'signed-out' ? { token: null, claims: null, ended: why } : { token: null, ended: why })
    }
  },
}))

/* A call that was under way with the old token while a new one was taken. */
const STALE_MS = 5000

/*
 * The server refused the token of a call: asks the host or the user for another. Resolves to true when one is there for the
 * same organization, so that the call is sent again; to false when whoever signed in is of another one, or nobody did.
 */
export function askAgain(): Promise<boolean> {
  const { claims, signedInAt, end } = useSession.getState()
  if (useSession.getState().token !== null && Date.now() - signedInAt < STALE_MS) {
    return Promise.resolve(true)
  }
  end(isExpired(claims, Date.now()) ? 'expired' : 'refused')
  void askHost()
  return new Promise((resolve) => {
    const stop = useSession.subscribe((state) => {
      if (state.token !== null || state.claims === null) {
        stop()
        resolve(state.token !== null && state.claims?.org === claims?.org)
      }
    })
  })
}

export const isAdmin = (claims: Claims | null): boolean => claims?.roles.includes('SystemAdmin') ?? false

/*
 * A host application of the same origin hands a token over in one of two ways:
 *   window.bellman = { token: '...' } or { getToken: () => '...' | Promise<string> } before the page's script runs;
 *   frame.contentWindow.postMessage({ type: 'bellman.token', token: '...' }, location.origin), at any time and again
 *   whenever it has a fresh one. The page says { type: 'bellman.ready' } to its parent or opener when it listens and
 *   { type: 'bellman.token-wanted' } when its token has ended.
 */
interface Host {
  token?: string
  getToken?: () => string | Promise<string>
}

declare global {
  interface Window {
    bellman?: Host
  }
}

/* The last that the host gave; given again after it was refused, it would be refused again. */
let lastFromHost = ''

async function takeFromHost(token: string): Promise<boolean> {
  lastFromHost = token
  return (await useSession.getState().signIn(token)) === 'taken'
}

function tellHost(type: string): void {
  const host: Window | null = window.parent !== window ? window.parent : window.opener
  host?.postMessage({ type }, location.origin)
}

export async function askHost(): Promise<boolean> {
  tellHost('bellman.token-wanted')
  const host = window.bellman
  const token = host?.getToken === undefined ? host?.token : await host.getToken()
  return typeof token === 'string' && token !== lastFromHost && (await takeFromHost(token))
}

export function listenToHost(): () => void {
  const onMessage = (event: MessageEvent<unknown>) => {
    const data = event.data as { type?: unknown; token?: unknown } | null
    if (event.origin === location.origin && data?.type === 'bellman.token' && typeof data.token === 'string') {
      void takeFromHost(data.token)
    }
  }
  addEventListener('message', onMessage)
  tellHost('bellman.ready')
  return () => removeEventListener('message', onMessage)
}
