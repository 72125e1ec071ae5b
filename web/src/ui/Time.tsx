import { useNow } from './clock'
import { formatAbsolute, formatDuration, formatRelative } from './format'

/* "3 min. ago", with the date and the zone on hover and for whoever cannot hover. null shows a dash. */
export function Time({ value }: { value: string | null | undefined }) {
  const now = useNow()
  const then = Date.parse(value ?? '')
  if (Number.isNaN(then)) {
    return <span className="faint">–</span>
  }
  return (
    <time dateTime={value ?? ''} title={formatAbsolute(then)}>
      {formatRelative(then, now)}
    </time>
  )
}

/* How long it took, or has taken so far while there is no end. */
export function Duration({ from, to }: { from: string | null | undefined; to?: string | null | undefined }) {
  const now = useNow()
  const start = Date.parse(from ?? '')
  if (Number.isNaN(start)) {
    return <span className="faint">–</span>
  }
  const end = Date.parse(to ?? '')
  return <span className="numeric">{formatDuration((Number.isNaN(end) ? now : end) - start)}</span>
}
