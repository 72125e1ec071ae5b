import { webcrypto } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as api from './api'

interface Sent {
  url: string
  method: string
  headers: Headers
  body: string | undefined
}

let sent: Sent[]
let answers: (Response | Error)[]

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(status === 304 ? null : JSON.stringify(body), {
    status,
    headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json', ...headers },
  })

const problem = (status: number, rest: object = {}, headers: Record<string, string> = {}): Response =>
  json({ type: 'about:blank', title: 'No', status, detail: 'because', request_id: 'r-1', ...rest }, status, headers)

beforeEach(() => {
  vi.stubGlobal('crypto', webcrypto) // not a global of every Node that builds this
  sent = []
  answers = []
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push({
      url,
      method: init.method ?? 'GET',
      headers: new Headers(init.headers),
      body: init.body as string | undefined,
    })
    const answer = answers.shift()
    return answer instanceof Response ? Promise.resolve(answer) : Promise.reject(answer ?? new Error('no answer'))
  })
  api.configureApi({ baseUrl: '/api/system', getToken: () => 'token', onUnauthorized: () => false })
})

afterEach(() => vi.unstubAllGlobals())

describe('requests', () => {
  test('a list is asked for with what filters it, and nothing else', async () => {
    answers = [json({ jobs: [] })]
    await api.getBackgroundJobs('failed', 50, 25, { job_type: 'email.send', priority: 0, created_after: undefined })
    expect(sent[0]?.url).toBe(
      '/api/system/background-jobs?status=failed&skip=50&limit=25&job_type=email.send&priority=0',
    )
    expect(sent[0]?.headers.get('Authorization')).toBe('Bearer token')
  })

  test('ids cannot leave their place in the path', async () => {
    answers = [json({})]
    await api.cancelBackgroundJob('../../x?y')
    expect(sent[0]).toMatchObject({
      url: '/api/system/background-jobs/..%2F..%2Fx%3Fy/cancel',
      method: 'POST',
      body: '{}',
    })
  })

  test('what creates has a key of its own, or the one that is given', async () => {
    answers = [json({}), json({}), json({})]
    await api.createBackgroundJob({ job_type: 'noop' })
    await api.createBackgroundJob({ job_type: 'noop' })
    await api.createBackgroundJob({ job_type: 'noop' }, { idempotencyKey: 'k' })
    const keys = sent.map(({ headers }) => headers.get('Idempotency-Key'))
    expect(keys[0]).toMatch(/^"[0-9a-f]{32}"$/)
    expect(new Set(keys).size).toBe(3)
    expect(keys[2]).toBe('"k"')
  })

  test('settings are saved over the version that was read', async () => {
    answers = [json({ id: 's' }, 200, { ETag: '"7"', 'X-Request-Id': 'r-9' }), json({ id: 's' }, 200, { ETag: '"8"' })]
    const read = await api.getNotificationSettings()
    expect([api.etagOf(read), api.requestIdOf(read)]).toEqual(['"7"', 'r-9'])
    const saved = await api.updateNotificationSettings({ email_enabled: true }, { ifMatch: api.etagOf(read) })
    expect(sent[1]).toMatchObject({ method: 'PUT', body: '{"email_enabled":true}' })
    expect(sent[1]?.headers.get('If-Match')).toBe('"7"')
    expect(api.etagOf(saved)).toBe('"8"')
  })
})

describe('versions', () => {
  test('an answer that has not changed is the same object', async () => {
    answers = [json({ total: 1 }, 200, { ETag: '"1"' }), json(null, 304), json({ total: 2 }, 200, { ETag: '"2"' })]
    const first = await api.countBackgroundJobs()
    const second = await api.countBackgroundJobs()
    const third = await api.countBackgroundJobs()
    expect(sent.map(({ headers }) => headers.get('If-None-Match'))).toEqual([null, '"1"', '"1"'])
    expect(second).toBe(first)
    expect(third).toEqual({ total: 2 })
  })

  test('one token is never shown what another one saw', async () => {
    answers = [json({ total: 1 }, 200, { ETag: '"1"' }), json({ total: 5 }, 200, { ETag: '"1"' })]
    await api.countBackgroundJobs()
    api.configureApi({ getToken: () => 'another' })
    await api.countBackgroundJobs()
    expect(sent[1]?.headers.get('If-None-Match')).toBeNull()
  })
})

describe('errors', () => {
  test.each([
    [401, api.UnauthorizedError],
    [403, api.ForbiddenError],
    [404, api.NotFoundError],
    [409, api.ConflictError],
    [412, api.PreconditionFailedError],
    [422, api.ValidationError],
    [429, api.RateLimitedError],
    [503, api.UnavailableError],
    [500, api.ApiError],
  ])('%i has its class', async (status, type) => {
    answers = [problem(status, { code: 'word', job_id: 'j' }, { 'Retry-After': '23', ETag: '"3"' })]
    const error = await api.getBackgroundJob('x').catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({
      status,
      code: 'word',
      detail: 'because',
      requestId: 'r-1',
      jobId: 'j',
      retryAfterS: 23,
      etag: '"3"',
    })
  })

  test('faults are found by the name of the field', async () => {
    const errors = [
      { pointer: '/payload/ms', code: 'range', detail: 'too long' },
      { pointer: '/a~1b', code: 'x', detail: 'y' },
      { pointer: '?limit', code: 'range', detail: 'too many' },
    ]
    answers = [problem(422, { errors })]
    const error = (await api.getBackgroundJobs().catch((caught: unknown) => caught)) as api.ValidationError
    expect([...error.byField().keys()]).toEqual(['payload', 'a/b', '?limit'])
  })

  test("a proxy's page is no detail", async () => {
    answers = [new Response('<html>Bad Gateway</html>', { status: 502, statusText: 'Bad Gateway' })]
    const error = await api.getBackgroundJobs().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(api.UnavailableError)
    expect(error).toMatchObject({ detail: '', title: 'Bad Gateway' })
  })

  test('no answer is a NetworkError, and an abort stays one', async () => {
    answers = [new TypeError('failed')]
    await expect(api.getBackgroundJobs()).rejects.toBeInstanceOf(api.NetworkError)
    const abort = new AbortController()
    abort.abort()
    answers = [new DOMException('stop', 'AbortError')]
    const error = await api.getBackgroundJob('x', { signal: abort.signal }).catch((caught: unknown) => caught)
    expect(api.isAbort(error)).toBe(true)
  })

  test('an answer that does not come in time is given up', async () => {
    vi.useFakeTimers()
    vi.stubGlobal('fetch', (_url: string, { signal }: RequestInit) => {
      return new Promise((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError'))),
      )
    })
    const call = api.getBackgroundJob('x').catch((caught: unknown) => caught)
    await vi.advanceTimersByTimeAsync(30_000)
    vi.useRealTimers()
    expect(await call).toMatchObject({ name: 'NetworkError', timedOut: true })
  })

  test('a fresh token lets the refused call go on', async () => {
    let token = 'old'
    api.configureApi({
      getToken: () => token,
      onUnauthorized: () => {
        token = 'new'
        return true
      },
    })
    answers = [problem(401), json({ id: 's' })]
    await api.updateNotificationSettings({ dnd_enabled: true })
    expect(sent.map(({ headers }) => headers.get('Authorization'))).toEqual(['Bearer old', 'Bearer new'])
    expect(sent[1]?.body).toBe(sent[0]?.body)
  })
})
