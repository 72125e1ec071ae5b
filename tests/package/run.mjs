/* The package in a program of its own: client and store are one client, with one configuration. */
import assert from 'node:assert/strict'
import { NotFoundError, configureApi, getBackgroundJob, requestIdOf } from 'bellman-web/client'
import { useOrgStore } from 'bellman-web/store'

const calls = []
const answers = {
  '/api/system/background-jobs/one': [200, { id: 'one', status: 'completed', attempts: [] }],
  '/api/system/background-jobs/two': [404, { type: 'about:blank', title: 'Not Found', status: 404, detail: 'No such job' }],
}

globalThis.fetch = async (url, options) => {
  const path = new URL(url).pathname
  calls.push([path, new Headers(options.headers).get('authorization')])
  const [status, body] = answers[path] ?? [500, {}]
  const headers = { 'content-type': status === 200 ? 'application/json' : 'application/problem+json', 'x-request-id': 'r1' }
  return new Response(JSON.stringify(body), { status, headers })
}

configureApi({ baseUrl: 'https://hr.example.com/api/system', getToken: () => 'secret' })
const job = await getBackgroundJob('one')
assert.equal(job.status, 'completed')
assert.equal(requestIdOf(job), 'r1')
await assert.rejects(getBackgroundJob('two'), (error) => error instanceof NotFoundError && error.detail === 'No such job')
assert.equal(typeof useOrgStore.getState().cancelBackgroundJob, 'function')
await useOrgStore.getState().cancelBackgroundJob('one').catch(() => undefined)
assert.ok(calls.some(([path]) => path.endsWith('/one/cancel')), 'the store calls through the client that was configured')
assert.ok(calls.every(([, token]) => token === 'Bearer secret'))
