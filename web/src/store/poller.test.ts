import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RateLimitedError, UnauthorizedError } from '../services/errors'
import { pauseMs, Poller } from './poller'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const limited = new RateLimitedError(429, {}, new Headers({ 'Retry-After': '40' }))

test.each([
  [{ tookMs: 10, failures: 0, error: null }, 2_000],
  [{ tookMs: 1_000, failures: 0, error: null }, 4_000],
  [{ tookMs: 60_000, failures: 0, error: null }, 30_000],
  [{ tookMs: 10, failures: 2, error: new Error('x') }, 8_000],
  [{ tookMs: 10, failures: 99, error: new Error('x') }, 30_000],
  [{ tookMs: 10, failures: 1, error: limited }, 40_000],
])('the pause after %o', (round, ms) => expect(pauseMs(round, 2_000, 30_000)).toBe(ms))

function pollerOf(refresh: () => Promise<void>, isVisible = () => true) {
  return new Poller<'jobs'>({ refresh, isVisible, intervalMs: 2_000 })
}

test('what is watched is refreshed at once, and again, until nobody watches', async () => {
  const refresh = vi.fn(() => Promise.resolve())
  const poller = pollerOf(refresh)
  const [stopA, stopB] = [poller.watch('jobs'), poller.watch('jobs')]
  await vi.advanceTimersByTimeAsync(4_500)
  const seen = refresh.mock.calls.length
  expect(seen).toBeGreaterThanOrEqual(3)
  stopA()
  stopA()
  await vi.advanceTimersByTimeAsync(2_500)
  expect(refresh.mock.calls.length).toBeGreaterThan(seen)
  stopB()
  const last = refresh.mock.calls.length
  await vi.advanceTimersByTimeAsync(60_000)
  expect(refresh.mock.calls.length).toBe(last)
})

test('a page that is hidden asks for nothing, and at once when it is shown', async () => {
  let visible = false
  const refresh = vi.fn(() => Promise.resolve())
  const poller = pollerOf(refresh, () => visible)
  poller.watch('jobs')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(refresh).not.toHaveBeenCalled()
  visible = true
  poller.pokeAll()
  expect(refresh).toHaveBeenCalledTimes(1)
})

test('a poke while it is busy is not lost', async () => {
  let finish = (): void => {}
  const refresh = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)))
  const poller = pollerOf(refresh)
  poller.watch('jobs')
  poller.poke('jobs')
  expect(refresh).toHaveBeenCalledTimes(1)
  finish()
  await vi.advanceTimersByTimeAsync(1)
  expect(refresh).toHaveBeenCalledTimes(2)
})

test('a refused token is not tried again until somebody pokes', async () => {
  const refresh = vi.fn(() => Promise.reject(new UnauthorizedError(401, {}, new Headers())))
  const poller = pollerOf(refresh)
  poller.watch('jobs')
  await vi.advanceTimersByTimeAsync(120_000)
  expect(refresh).toHaveBeenCalledTimes(1)
  poller.pokeAll()
  expect(refresh).toHaveBeenCalledTimes(2)
})
