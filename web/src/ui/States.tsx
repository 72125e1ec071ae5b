import type { ReactNode } from 'react'
import { strings } from '../strings'
import { Button } from './Button'
import { Icon, type IconName } from './Icon'

interface EmptyProps {
  title: string
  icon?: IconName
  children?: ReactNode
  action?: ReactNode
}

/* Nothing is here, and why, and what one could do. */
export function EmptyState({ title, icon = 'info', children, action }: EmptyProps) {
  return (
    <div className="state">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children !== undefined && <div className="state-text">{children}</div>}
      {action}
    </div>
  )
}

interface ErrorProps {
  title?: string
  error: unknown
  onRetry?: (() => void) | undefined
}

/* What went wrong in words, with the request's id for whoever reads the logs. */
export function ErrorState({ title = strings.errors.title, error, onRetry }: ErrorProps) {
  return (
    <div className="state state-bad" role="alert">
      <Icon name="alert" />
      <h2>{title}</h2>
      <p className="state-text">{errorText(error)}</p>
      {requestId(error) !== undefined && (
        <p className="faint">
          {strings.errors.request} <code>{requestId(error)}</code>
        </p>
      )}
      {onRetry !== undefined && (
        <Button icon="retry" onClick={onRetry}>
          {strings.tryAgain}
        </Button>
      )}
    </div>
  )
}

export function errorText(error: unknown): string {
  if (error instanceof Error && error.message !== '') {
    return error.message
  }
  return strings.errors.unknown
}

/* A problem of the API carries it; other errors do not. */
function requestId(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) {
    return undefined
  }
  const { requestId: id } = error as { requestId?: unknown }
  return typeof id === 'string' && id !== '' ? id : undefined
}

/* Grey bars where something will be: they take its room, so that nothing moves when it arrives. */
export function Skeleton({ rows = 3 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status" aria-label={strings.loading}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} className="skeleton-bar" />
      ))}
    </div>
  )
}
