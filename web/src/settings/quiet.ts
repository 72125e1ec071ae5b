/*
 * Quiet hours and digests on the clock of a zone, as the server reckons them: local time alone decides. An end that a change
 * of clocks skips is that change; hours that come twice are quiet both times. Pure: the time is handed in.
 */

export interface Window {
  startMs: number
  endMs: number
}

export const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const QUARTER_MS = 15 * MINUTE_MS // clocks change, and zones differ, by whole quarters of an hour
const MINUTES_PER_DAY = 1440

const formatters = new Map<string, Intl.DateTimeFormat>()

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric',
      minute: 'numeric', second: 'numeric',
    })
    formatters.set(zone, formatter)
  }
  return formatter
}

/* What clocks in the zone are ahead of UTC. */
export function offsetMinutes(instantMs: number, zone: string): number {
  const at = Math.floor(instantMs / 1000) * 1000
  const parts = Object.fromEntries(formatterOf(zone).formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Math.round((Date.UTC(year, month - 1, day, hour, minute, second) - at) / MINUTE_MS)
}

/* Every whole minute from one instant to another with what clocks in the zone show then, read as if it were UTC. */
function* minutes(fromMs: number, toMs: number, zone: string): Generator<{ atMs: number; local: number }> {
  let quarter = NaN
  let offset = 0
  for (let atMs = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS; atMs <= toMs; atMs += MINUTE_MS) {
    if (Math.floor(atMs / QUARTER_MS) !== quarter) {
      quarter = Math.floor(atMs / QUARTER_MS)
      offset = offsetMinutes(atMs, zone)
    }
    yield { atMs, local: atMs + offset * MINUTE_MS }
  }
}

function minuteOf(hhmm: string): number {
  const [hours = 0, rest = 0] = hhmm.split(':').map(Number)
  return hours * 60 + rest
}

const minuteOfDay = (local: number) => Math.floor(local / MINUTE_MS) % MINUTES_PER_DAY

/* Quiet windows between now and hours later, in order; the first may be under way, the last may go on beyond. */
export function quietWindows(start: string, end: string, zone: string, nowMs: number, hours = 48): Window[] {
  const [from, to] = [minuteOf(start), minuteOf(end)]
  const isQuiet = (minute: number) => (from < to ? minute >= from && minute < to : minute >= from || minute < to)
  const windows: Window[] = []
  let open: Window | null = null
  for (const { atMs, local } of minutes(nowMs, nowMs + hours * 3_600_000, zone)) {
    if (!isQuiet(minuteOfDay(local))) {
      open = null
    } else if (open === null) {
      open = { startMs: atMs, endMs: atMs + MINUTE_MS }
      windows.push(open)
    } else {
      open.endMs = atMs + MINUTE_MS
    }
  }
  return windows
}

/* The windows cut to a span, as shares of it from 0 to 1. */
export function shares(windows: readonly Window[], fromMs: number, toMs: number): { from: number; to: number }[] {
  const share = (at: number) => Math.min(1, Math.max(0, (at - fromMs) / (toMs - fromMs)))
  return windows.map(({ startMs, endMs }) => ({ from: share(startMs), to: share(endMs) })).filter(({ from, to }) => to > from)
}

/* Whole hours on the zone's clock within 24 hours, for a scale. */
export function hourTicks(zone: string, nowMs: number, everyHours: number): { atMs: number; label: string }[] {
  const ticks: { atMs: number; label: string }[] = []
  for (const { atMs, local } of minutes(nowMs, nowMs + DAY_MS, zone)) {
    const minute = minuteOfDay(local)
    if (minute % (60 * everyHours) === 0) {
      ticks.push({ atMs, label: `${String(minute / 60).padStart(2, '0')}:00` })
    }
  }
  return ticks
}

/* When the next digest falls due: on the hour, every day at a time, or at that time on Mondays. */
export function nextDigest(frequency: string, hhmm: string, zone: string, nowMs: number): number | null {
  const due = frequency === 'hourly' ? 0 : minuteOf(hhmm)
  let before: number | null = null
  for (const { atMs, local } of minutes(nowMs, nowMs + 8 * DAY_MS, zone)) {
    const minute = frequency === 'hourly' ? minuteOfDay(local) % 60 : minuteOfDay(local)
    const passes = before !== null && (minute === due || (before < due && minute > due)) // a gap may hide the very minute
    if (passes && (frequency !== 'weekly' || new Date(local).getUTCDay() === 1)) {
      return atMs
    }
    before = minute
  }
  return null
}
