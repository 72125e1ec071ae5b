/** One request: where it goes, what it carries, what comes of it. api.ts says which requests there are. */
import { ApiError, errorOf, isAbort, NetworkError, UnauthorizedError } from './errors'
import { formatJson, parseJson } from './json'
import type { Problem } from './types'

export interface ApiConfig {
  /** Where the API is, without a slash at the end; default "/api/system" of the page's own origin. */
  baseUrl?: string
  /** The bearer token for the next request; null: none is held. */
  getToken?: () => string | null
  /**
   * The server refused the token. Resolves to true when there is a new one: the request is then sent again, once, so that
   * whatever the user was about to save is not lost. Anything else lets the call fail with UnauthorizedError.
   */
  onUnauthorized?: (error: UnauthorizedError) => void | boolean | Promise<void | boolean>
  /** How long to wait for an answer; default 30 s. */
  timeoutMs?: number
}

/** The last argument of every call. */
export interface CallOptions {
  signal?: AbortSignal
}

export interface Call extends CallOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  query?: Readonly<Record<string, string | number | null | undefined>>
  body?: unknown
  ifMatch?: string | null
  idempotencyKey?: string
  /** Overrides ApiConfig.timeoutMs. */
  timeoutMs?: number
}

interface Version {
  readonly etag: string
  readonly data: unknown
}

const VERSIONS_MAX = 64
const REFUSED_TEXT_MAX = 300

let config: Required<ApiConfig> = {
  baseUrl: '/api/system',
  getToken: () => null,
  onUnauthorized: () => false,
  timeoutMs: 30_000,
}

/** Answers that have an entity tag, by address, the latest used last: asked again, they cost a 304. One user's only. */
const versions = new Map<string, Version>()
let versionsToken: string | null = null

/** What the server said beside the body, for who needs it; weak, so that nothing is held. */
const meta = new WeakMap<object, { etag: string | null; requestId: string }>()

/** Members left out keep what they were. */
export function configureApi(next: ApiConfig): void {
  config = { ...config, ...next }
  versions.clear()
}

/** The entity tag that an answer came with: what ifMatch takes. null: none, or not an object that a call returned. */
export function etagOf(answer: object | null): string | null {
  return (answer && meta.get(answer)?.etag) ?? null
}

/** The request id of an answer: what the server's log knows it by. Empty when there was none. */
export function requestIdOf(answer: object | null): string {
  return (answer && meta.get(answer)?.requestId) ?? ''
}

/** The address of a call, as curl needs it. */
export function urlOf(path: string, query: Call['query'] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === null || value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  const search = new URLSearchParams(pairs).toString()
  return `${config.baseUrl}${path}${search && '?'}${search}`
}

/** A fresh Idempotency-Key. (randomUUID is missing on pages that came over plain http from another host.) */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function remember(url: string, etag: string, data: unknown): void {
  versions.delete(url)
  versions.set(url, { etag, data })
  const oldest = versions.size > VERSIONS_MAX ? versions.keys().next().value : undefined
  if (oldest !== undefined) versions.delete(oldest)
}

/** What was remembered for one token is not another's. */
function versionOf(url: string, token: string | null): Version | undefined {
  if (token !== versionsToken) {
    versions.clear()
    versionsToken = token
  }
  return versions.get(url)
}

function headersOf(call: Call, token: string | null, known: Version | undefined): Headers {
  const headers = new Headers({ Accept: 'application/json' })
  if (token !== null) headers.set('Authorization', `Bearer ${token}`)
  if (call.body !== undefined) headers.set('Content-Type', 'application/json')
  if (call.ifMatch) headers.set('If-Match', call.ifMatch)
  if (call.idempotencyKey) headers.set('Idempotency-Key', `"${call.idempotencyKey}"`)
  if (known) headers.set('If-None-Match', known.etag)
  return headers
}

/** Ends a request when the caller's signal does, or after its time. (AbortSignal.any is younger than browsers in use.) */
function deadline(call: Call): { signal: AbortSignal; isLate: () => boolean; release: () => void } {
  const stop = new AbortController()
  let late = false
  const abort = (): void => stop.abort()
  const timer = setTimeout(() => {
    late = true
    abort()
  }, call.timeoutMs ?? config.timeoutMs)
  if (call.signal?.aborted) abort()
  call.signal?.addEventListener('abort', abort)
  const release = (): void => {
    clearTimeout(timer)
    call.signal?.removeEventListener('abort', abort)
  }
  return { signal: stop.signal, isLate: () => late, release }
}

async function exchange(url: string, call: Call, headers: Headers): Promise<{ answer: Response; text: string }> {
  const { signal, isLate, release } = deadline(call)
  const init: RequestInit = { method: call.method ?? 'GET', headers, signal, cache: 'no-store' }
  if (call.body !== undefined) init.body = formatJson(call.body)
  try {
    const answer = await fetch(url, init)
    return { answer, text: await answer.text() }
  } catch (cause) {
    if (call.signal?.aborted) throw isAbort(cause) ? cause : new DOMException('Aborted', 'AbortError')
    throw new NetworkError(isLate(), { cause })
  } finally {
    release()
  }
}

function problemOf(answer: Response, text: string): Partial<Problem> {
  if (answer.headers.get('Content-Type')?.startsWith('application/problem+json')) {
    try {
      return parseJson(text) as Partial<Problem>
    } catch {
      /* cut off on its way: the status says what there is to say */
    }
  }
  return { title: answer.statusText, detail: text.startsWith('<') ? '' : text.slice(0, REFUSED_TEXT_MAX) }
}

function bodyOf(answer: Response, text: string): unknown {
  if (text === '') return undefined
  try {
    return parseJson(text)
  } catch {
    throw new ApiError(answer.status, { title: 'The answer is not JSON' }, answer.headers)
  }
}

async function once<T>(call: Call, url: string): Promise<T> {
  const reading = (call.method ?? 'GET') === 'GET'
  const token = config.getToken()
  const known = reading ? versionOf(url, token) : undefined
  const { answer, text } = await exchange(url, call, headersOf(call, token, known))
  if (answer.status === 304 && known) {
    remember(url, known.etag, known.data)
    return known.data as T
  }
  if (!answer.ok) throw errorOf(answer.status, problemOf(answer, text), answer.headers)
  const data = bodyOf(answer, text)
  const etag = answer.headers.get('ETag')
  if (typeof data === 'object' && data !== null) {
    meta.set(data, { etag, requestId: answer.headers.get('X-Request-Id') ?? '' })
  }
  if (reading && etag !== null && token === versionsToken) remember(url, etag, data)
  return data as T
}

/**
 * Sends a call and gives what the server answered, parsed. An answer that has not changed since it was last asked for (304)
 * is the very same object as then, so that `===` tells whether anything is new. Throws ApiError, NetworkError, or AbortError
 * when call.signal says so.
 */
export async function request<T>(path: string, call: Call = {}): Promise<T> {
  const url = urlOf(path, call.query)
  try {
    return await once<T>(call, url)
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
    if ((await config.onUnauthorized(error)) !== true) throw error
    return once<T>(call, url)
  }
}
