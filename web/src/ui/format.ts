/* Times, lengths and numbers as people read them. */

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
]

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const absolute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' })
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const plain = new Intl.NumberFormat('en')

export function formatRelative(thenMs: number, nowMs: number): string {
  const seconds = Math.round((thenMs - nowMs) / 1000)
  if (Math.abs(seconds) < 2) {
    return 'just now'
  }
  const [unit, size] = UNITS.find(([, s]) => Math.abs(seconds) >= s) ?? ['second', 1]
  return relative.format(Math.trunc(seconds / size), unit)
}

export const formatAbsolute = (thenMs: number): string => absolute.format(thenMs)

export const formatClock = (thenMs: number): string => clock.format(thenMs)

export const formatNumber = (value: number): string => plain.format(value)

export function formatDuration(ms: number): string {
  const length = Math.max(0, ms)
  if (length < 1000) {
    return `${Math.round(length)} ms`
  }
  if (length < 60_000) {
    return `${(length / 1000).toFixed(length < 10_000 ? 1 : 0)} s`
  }
  const minutes = Math.floor(length / 60_000)
  if (minutes < 60) {
    return `${minutes} min ${Math.floor((length % 60_000) / 1000)} s`
  }
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
