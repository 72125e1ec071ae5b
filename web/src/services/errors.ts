/** What a call can throw: an ApiError (the server answered), a NetworkError (it did not), or the signal's AbortError. */
import type { Fault, Problem } from './types'

/** The server refused. Members come from its problem document (RFC 9457); for a body that is none, from the status. */
export class ApiError extends Error {
  readonly status: number
  /** The machine's word, such as "queue_full"; empty where a proxy answered. */
  readonly code: string
  readonly title: string
  readonly detail: string
  /** Names the request in the server's logs; empty when the answer had none. */
  readonly requestId: string
  readonly errors: readonly Fault[]
  /** The job that is in the way, and its status. */
  readonly jobId: string | null
  readonly jobStatus: string | null
  /** Seconds until trying again can help; null: the server did not say. */
  readonly retryAfterS: number | null
  /** The version there is now, with a 412. */
  readonly etag: string | null

  constructor(status: number, problem: Partial<Problem>, headers: Headers) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`)
    this.name = new.target.name
    this.status = status
    this.code = problem.code ?? ''
    this.title = problem.title ?? `HTTP ${status}`
    this.detail = problem.detail ?? ''
    this.requestId = problem.request_id ?? headers.get('X-Request-Id') ?? ''
    this.errors = problem.errors ?? []
    this.jobId = problem.job_id ?? null
    this.jobStatus = problem.job_status ?? null
    this.retryAfterS = secondsOf(headers.get('Retry-After'))
    this.etag = headers.get('ETag')
  }
}

/** 401: no token, or one that is expired or refused. */
export class UnauthorizedError extends ApiError {}
/** 403: the token has no role for this. */
export class ForbiddenError extends ApiError {}
/** 404: the organization has none of that id. */
export class NotFoundError extends ApiError {}
/** 409: it is too late, or another job is in the way. */
export class ConflictError extends ApiError {}
/** 412: somebody else changed it meanwhile; etag names the version there is now. */
export class PreconditionFailedError extends ApiError {}
/** 422: errors names each field. */
export class ValidationError extends ApiError {
  /** Faults by the name of the body's member: "/payload/ms" belongs to "payload", "?limit" to "?limit". */
  byField(): ReadonlyMap<string, Fault> {
    const map = new Map<string, Fault>()
    for (const fault of this.errors) {
      const field = fault.pointer.startsWith('/') ? (fault.pointer.split('/')[1] ?? '') : fault.pointer
      const name = field.replaceAll('~1', '/').replaceAll('~0', '~')
      if (!map.has(name)) map.set(name, fault)
    }
    return map
  }
}
/** 429: too many calls (retryAfterS), or a full queue (code "queue_full"). */
export class RateLimitedError extends ApiError {}
/** 502, 503, 504: something behind the API is away; the same call may work later. */
export class UnavailableError extends ApiError {}

/** No answer came: offline, refused, cut off, or later than the timeout. A call that changes something may have done so. */
export class NetworkError extends Error {
  constructor(
    readonly timedOut: boolean,
    options?: ErrorOptions,
  ) {
    super(timedOut ? 'The server did not answer in time' : 'The server cannot be reached', options)
    this.name = 'NetworkError'
  }
}

type ErrorClass = new (status: number, problem: Partial<Problem>, headers: Headers) => ApiError

const CLASSES: Readonly<Record<number, ErrorClass>> = {
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  412: PreconditionFailedError,
  422: ValidationError,
  429: RateLimitedError,
  502: UnavailableError,
  503: UnavailableError,
  504: UnavailableError,
}

/** The error for an answer that is not 2xx; problem is its parsed body, or {} when it was no problem document. */
export function errorOf(status: number, problem: Partial<Problem>, headers: Headers): ApiError {
  return new (CLASSES[status] ?? ApiError)(status, problem, headers)
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** Retry-After is seconds here; a proxy may send a date. */
function secondsOf(header: string | null): number | null {
  if (header === null) return null
  const seconds = /^\d{1,9}$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - Date.now()) / 1000)
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null
}
