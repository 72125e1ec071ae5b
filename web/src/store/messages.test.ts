import { beforeEach, expect, test, vi } from 'vitest'
import { configureApi, PreconditionFailedError } from '../services/api'
import { useOrgStore } from './orgStore'

type Answer = { status?: number; body?: unknown; etag?: string }
let answer: (url: string, init: RequestInit) => Answer
let asked: string[]

beforeEach(() => {
  asked = []
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    asked.push(`${init.method ?? 'GET'} ${url.replace('/api/system', '')}`)
    const { status = 200, body = {}, etag } = answer(url, init)
    const type = status < 400 ? 'application/json' : 'application/problem+json'
    const text = status === 204 ? null : JSON.stringify(body)
    return Promise.resolve(new Response(text, { status, headers: { 'Content-Type': type, ...(etag && { ETag: etag }) } }))
  })
  configureApi({ getToken: () => 't', onUnauthorized: () => false })
  useOrgStore.getState().reset()
})

const store = () => useOrgStore.getState()
const template = (name: string) => ({ template: name, subject: null, text: name, html: null, fields: [] })

test('a template that nobody has made begins with the nearest wider one, and what the list lacks is not asked for', async () => {
  answer = (url) =>
    url.endsWith('/notification-templates')
      ? { body: { templates: [template('payroll.email'), template('payroll.email.de')] } }
      : { body: template(url.split('/').at(-1) ?? '') }
  await store().loadTemplates()
  store().openTemplate('payroll.email.de-CH')
  await store().refreshTemplate()
  expect(store().templates.open.data?.template).toBe('payroll.email.de')
  expect(asked).toEqual(['GET /notification-templates', 'GET /notification-templates/payroll.email.de'])
})

test('before the list is there, names are tried one after the other', async () => {
  answer = (url) => (url.endsWith('payroll.email') ? { body: template('payroll.email') } : { status: 404 })
  store().openTemplate('payroll.email.fr')
  await store().refreshTemplate()
  expect(store().templates.open.data?.template).toBe('payroll.email')
  expect(asked).toHaveLength(2)
})

test('an account that the list says is not there is not asked for', async () => {
  answer = () => ({ body: { providers: [{ name: 'smtp', account: null }] } })
  await store().loadProviders()
  store().openProvider('smtp')
  await store().refreshProvider()
  expect(store().providers.open.data).toEqual({ account: null })
  expect(asked).toEqual(['GET /providers'])
})

test('when somebody else was quicker with an account, theirs is loaded; what is saved is in the list at once', async () => {
  let version = 1
  answer = (url, init) => {
    if (init.method === 'PUT') {
      const match = new Headers(init.headers).get('If-Match')
      return match === `"${version}"` ? { body: { provider: 'smtp', position: 9 }, etag: '"3"' } : { status: 412, etag: '"2"' }
    }
    if (url.endsWith('/providers')) return { body: { providers: [{ name: 'smtp', account: { provider: 'smtp' } }] } }
    return { body: { provider: 'smtp', position: version }, etag: `"${version}"` }
  }
  await store().loadProviders()
  store().openProvider('smtp')
  await store().refreshProvider()
  version = 2
  await expect(store().saveProviderAccount('smtp', { position: 9 }, { ifMatch: '"1"' })).rejects.toBeInstanceOf(PreconditionFailedError)
  expect(store().providers.open.data?.account?.position).toBe(2)
  await store().saveProviderAccount('smtp', { position: 9 }, { ifMatch: '"2"' })
  expect(store().providers.open.data?.account?.position).toBe(9)
  expect(store().providers.list.data?.[0]?.account?.position).toBe(9)
})

test('an address that was taken off the list leaves it at once', async () => {
  const rows = [{ channel: 'email', address: 'a@b.c' }, { channel: 'sms', address: '+491' }]
  answer = (url) => (url.endsWith('/remove') ? { status: 204 } : { body: { limit: 50, next_cursor: null, suppressions: rows } })
  await store().getSuppressions({})
  await store().removeSuppression('email', 'a@b.c')
  expect(store().suppressions.list.data?.suppressions.map(({ address }) => address)).toEqual(['+491'])
})
