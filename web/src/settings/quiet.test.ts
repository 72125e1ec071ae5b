import { expect, test } from 'vitest'
import { hourTicks, nextDigest, offsetMinutes, quietWindows, shares } from './quiet'

const at = (text: string) => Date.parse(text)
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)

test.each([
  ['UTC', '2026-07-01T12:00Z', 0],
  ['Europe/Paris', '2026-01-01T12:00Z', 60],
  ['Europe/Paris', '2026-07-01T12:00Z', 120],
  ['Asia/Kolkata', '2026-07-01T12:00Z', 330],
  ['America/New_York', '2026-01-01T12:00Z', -300],
])('%s at %s is %d minutes ahead', (zone, instant, minutes) => {
  expect(offsetMinutes(at(instant), zone)).toBe(minutes)
})

test.each([
  ['by day', '12:00', '13:00', 'UTC', '2026-05-01T08:00Z', '2026-05-01T12:00', '2026-05-01T13:00'],
  ['overnight', '22:00', '07:00', 'Europe/Paris', '2026-05-01T08:00Z', '2026-05-01T20:00', '2026-05-02T05:00'],
  ['under way since midnight', '22:00', '07:00', 'UTC', '2026-05-01T03:00Z', '2026-05-01T03:00', '2026-05-01T07:00'],
  ['under way, its last minute', '22:00', '07:00', 'UTC', '2026-05-01T06:59Z', '2026-05-01T06:59', '2026-05-01T07:00'],
  ['over', '22:00', '07:00', 'UTC', '2026-05-01T07:00Z', '2026-05-01T22:00', '2026-05-02T07:00'],
  // Paris: 2026-03-29, 02:00 becomes 03:00 at 01:00Z. An end at 02:30 is the change.
  ['an end that is skipped', '22:00', '02:30', 'Europe/Paris', '2026-03-28T12:00Z', '2026-03-28T21:00', '2026-03-29T01:00'],
  // Paris: 2026-10-25, 03:00 becomes 02:00 at 01:00Z. An hour more of quiet.
  ['hours that come twice', '22:00', '07:00', 'Europe/Paris', '2026-10-24T12:00Z', '2026-10-24T20:00', '2026-10-25T06:00'],
])('the next window: %s', (_, start, end, zone, now, from, to) => {
  const [first] = quietWindows(start, end, zone, at(now))
  expect([iso(first?.startMs ?? 0), iso(first?.endMs ?? 0)]).toEqual([from, to])
})

test('an end that comes twice leaves a gap', () => {
  const windows = quietWindows('22:00', '02:30', 'Europe/Paris', at('2026-10-24T12:00Z'), 24)
  expect(windows.map((w) => [iso(w.startMs), iso(w.endMs)])).toEqual([
    ['2026-10-24T20:00', '2026-10-25T00:30'],
    ['2026-10-25T01:00', '2026-10-25T01:30'],
  ])
})

test('windows are cut to the span', () => {
  expect(shares([{ startMs: -50, endMs: 25 }, { startMs: 50, endMs: 150 }, { startMs: 200, endMs: 300 }], 0, 100)).toEqual([
    { from: 0, to: 0.25 },
    { from: 0.5, to: 1 },
  ])
})

test('the scale shows whole hours of the zone', () => {
  expect(hourTicks('Asia/Kolkata', at('2026-05-01T00:10Z'), 6).map(({ atMs, label }) => [iso(atMs), label])).toEqual([
    ['2026-05-01T00:30', '06:00'],
    ['2026-05-01T06:30', '12:00'],
    ['2026-05-01T12:30', '18:00'],
    ['2026-05-01T18:30', '00:00'],
  ])
})

test.each([
  ['hourly', '09:00', 'UTC', '2026-05-01T08:10Z', '2026-05-01T09:00'],
  ['hourly', '09:00', 'UTC', '2026-05-01T09:00Z', '2026-05-01T10:00'],
  ['daily', '09:00', 'Europe/Paris', '2026-05-01T06:59Z', '2026-05-01T07:00'],
  ['daily', '09:00', 'Europe/Paris', '2026-05-01T07:00Z', '2026-05-02T07:00'],
  ['daily', '02:30', 'Europe/Paris', '2026-03-28T12:00Z', '2026-03-29T01:00'],
  ['weekly', '09:00', 'UTC', '2026-05-01T06:00Z', '2026-05-04T09:00'],
  ['weekly', '09:00', 'UTC', '2026-05-04T09:00Z', '2026-05-11T09:00'],
])('a digest that is %s at %s in %s, asked at %s', (frequency, time, zone, now, due) => {
  expect(iso(nextDigest(frequency, time, zone, at(now)) ?? 0)).toBe(due)
})
