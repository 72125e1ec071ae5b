/* Errors of the API in the words of whoever sees them. */
import {
  ApiError,
  ConflictError,
  ForbiddenError,
  NetworkError,
  NotFoundError,
  RateLimitedError,
  UnavailableError,
  ValidationError,
} from '../services/api'
import { strings } from '../strings'

const words = strings.data.errors

export function explain(error: unknown): string {
  if (error instanceof RateLimitedError) {
    if (error.code === 'queue_full') {
      return words.queueFull
    }
    return words.tooMany(error.retryAfterS)
  }
  if (error instanceof ConflictError) {
    return words.conflict(error.detail)
  }
  if (error instanceof NotFoundError) {
    return words.notFound
  }
  if (error instanceof ForbiddenError) {
    return words.forbidden
  }
  if (error instanceof NetworkError) {
    return words.network
  }
  if (error instanceof UnavailableError) {
    return words.unavailable
  }
  if (error instanceof ValidationError && error.errors.length > 0) {
    return error.errors.map((fault) => `${fault.pointer}: ${fault.detail}`).join('; ')
  }
  if (error instanceof ApiError) {
    return words.other(error.detail === '' ? error.title : error.detail, error.requestId)
  }
  return error instanceof Error ? error.message : strings.errors.unknown
}
