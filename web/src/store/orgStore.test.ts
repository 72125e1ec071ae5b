import { beforeEach, expect, test, vi } from 'vitest'
import { ConflictError, configureApi, PreconditionFailedError, RateLimitedError } from '../services/api'
import { forEachJob } from './jobs'
import { useOrgStore } from './orgStore'
import { withNewest, type History } from './audit'

type Answer = { status?: number; body?: unknown; etag?: string }
let answer: (url: string, init: RequestInit) => Answer | Promise<Answer>

beforeEach(() => {
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const { status = 200, body = {}, etag } = await answer(url, init)
    init.signal?.throwIfAborted()
    const type = status < 400 ? 'application/json' : 'application/problem+json'
    return new Response(JSON.stringify(body), {
      status,
      headers: { 'Content-Type': type, ...(etag && { ETag: etag }) },
    })
  })
  configureApi({ getToken: () => 't', onUnauthorized: () => false })
  useOrgStore.getState().reset()
})

const store = () => useOrgStore.getState()
const page = (...ids: string[]) => ({
  body: {
    total: ids.length,
    total_capped: false,
    skip: 0,
    limit: 50,
    next_cursor: null,
    jobs: ids.map((id) => ({ id, status: 'queued' })),
  },
})

test('a later page overtakes an earlier one, however late that arrives', async () => {
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  answer = async (url) => {
    if (!url.includes('status=failed')) await gate
    return url.includes('status=failed') ? page('new') : page('old')
  }
  const first = store().getBackgroundJobs()
  const second = store().getBackgroundJobs('failed')
  await second
  release()
  expect(await first).toBeNull()
  expect(store().jobs.list.data?.jobs.map((job) => job.id)).toEqual(['new'])
  expect(store().jobs.query.status).toBe('failed')
})

test('a failure keeps what was there and says why', async () => {
  answer = () => page('a')
  await store().getBackgroundJobs()
  answer = () => ({ status: 503, body: { detail: 'the database is away' } })
  await expect(store().refreshJobs()).rejects.toThrow('the database is away')
  expect(store().jobs.list.data?.jobs).toHaveLength(1)
  expect(store().jobs.list.error?.message).toBe('the database is away')
  answer = () => page('a')
  await store().refreshJobs()
  expect(store().jobs.list.error).toBeNull()
})

test('equal answers are not told again', async () => {
  answer = () => page('a')
  await store().getBackgroundJobs()
  const before = store().jobs.list
  await store().refreshJobs()
  expect(store().jobs.list).toBe(before)
})

test('a cancelled job is seen at once in the list and in the drawer', async () => {
  answer = () => page('a', 'b')
  await store().getBackgroundJobs()
  store().openJob('a')
  answer = () => ({ status: 202, body: { id: 'a', status: 'processing', cancel_requested_at: 'now', attempts: [] } })
  const cancelling = store().cancelBackgroundJob('a')
  expect(store().jobs.busy.has('a')).toBe(true)
  await cancelling
  expect(store().jobs.busy.has('a')).toBe(false)
  expect(store().jobs.list.data?.jobs[0]).toMatchObject({ status: 'processing', cancel_requested_at: 'now' })
  expect(store().jobs.open.data).toMatchObject({ status: 'processing' })
})

test('settings are saved over what was read; when somebody was quicker, theirs are there', async () => {
  answer = () => ({ body: { email_from_name: 'A' }, etag: '"1"' })
  await store().loadNotificationSettings()
  const matches: (string | null)[] = []
  answer = (_url, init) => {
    const ifMatch = new Headers(init.headers).get('If-Match')
    if (init.method !== 'PUT') return { body: { email_from_name: 'theirs' }, etag: '"2"' }
    matches.push(ifMatch)
    return ifMatch === '"1"'
      ? { status: 412, body: { detail: 'changed' }, etag: '"2"' }
      : { body: { email_from_name: 'B' }, etag: '"3"' }
  }
  await expect(store().updateNotificationSettings({ email_from_name: 'B' })).rejects.toBeInstanceOf(
    PreconditionFailedError,
  )
  expect(store().settings.current.data).toMatchObject({ email_from_name: 'theirs' })
  await store().updateNotificationSettings({ email_from_name: 'B' })
  await store().updateNotificationSettings({ email_from_name: 'B' }, { overwrite: true })
  expect(matches).toEqual(['"1"', '"2"', null])
  expect(store().settings.current.data).toMatchObject({ email_from_name: 'B' })
})

test('a dead letter that was replayed leaves the list', async () => {
  answer = () => ({
    body: { total: 2, total_capped: false, limit: 50, next_cursor: null, dead_letters: [{ id: 'a' }, { id: 'b' }] },
  })
  await store().getDeadLetters({})
  answer = () => ({ body: { id: 'a', status: 'queued', attempts: [] } })
  await store().replayDeadLetter('a')
  expect(store().dead.list.data).toMatchObject({ total: 1, dead_letters: [{ id: 'b' }] })
})

test('many jobs one after the other: past refusals, and after the limit', async () => {
  vi.useFakeTimers()
  const headers = new Headers({ 'Retry-After': '7' })
  const tried: string[] = []
  const waits: number[] = []
  const act = (id: string): Promise<void> => {
    tried.push(id)
    if (id === 'late') return Promise.reject(new ConflictError(409, { detail: 'completed' }, new Headers()))
    return id === 'full' && tried.filter((each) => each === id).length === 1
      ? Promise.reject(new RateLimitedError(429, {}, headers))
      : Promise.resolve()
  }
  const running = forEachJob(['a', 'late', 'full', 'b'], act, { onProgress: (_n, _of, waitS) => waits.push(waitS) })
  await vi.advanceTimersByTimeAsync(7_000)
  const { done, refused } = await running
  vi.useRealTimers()
  expect(done).toEqual(['a', 'full', 'b'])
  expect([...refused.keys()]).toEqual(['late'])
  expect(tried).toEqual(['a', 'late', 'full', 'full', 'b'])
  expect(waits).toContain(7)
})

test.each<[string, number[] | null, string | null, number[], string | null, number[], string | null]>([
  ['nothing was there', null, null, [9, 8], 'c', [9, 8], 'c'],
  ['nothing new', [9, 8, 7, 6], 'd', [9, 8], 'c', [9, 8, 7, 6], 'd'],
  ['one more', [9, 8, 7, 6], null, [10, 9], 'c', [10, 9, 8, 7, 6], null],
  ['more than a page is new', [9, 8], null, [13, 12], 'c', [13, 12], 'c'],
  ['all are on one page', [9], null, [10, 9], null, [10, 9], null],
  ['there are none', [9], 'c', [], null, [], null],
])('changes that were read before stay behind the newest: %s', (_name, before, cursor, newest, next, all, last) => {
  const history = (ids: number[], at: string | null) => ({ entries: ids.map((id) => ({ id })), cursor: at }) as unknown as History
  expect(withNewest(before && history(before, cursor), history(newest, next))).toEqual(history(all, last))
})
