/* Providers in Chromium, against real servers: accounts made, changed, paused, tried out and deleted. */
import { createServer as createHttp, type Server as HttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { expectAccessible, openPage, portray, startBrowser, watchForFaults, type Browser, type Page } from './browser'
import { startStack, type Stack } from './stack'

let stack: Stack
let browser: Browser
let page: Page
let faults: string[]
let token = ''
let users = 0

const shown = { timeout: 45_000 }

/* A mail server that lets nobody in, and a web server that takes everything. */
let sullen: Server
let web: HttpServer
let posted: { path: string; body: string }[] = []

const portOf = (server: Server | HttpServer): number => (server.address() as AddressInfo).port

const SAYS: Record<string, string> = {
  EHLO: '250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n',
  AUTH: '535 5.7.8 who are you?\r\n',
  QUIT: '221 bye\r\n',
}

function startSullen(): Server {
  return createServer((socket) => {
    socket.write('220 mail.example\r\n')
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      for (const line of data.toString().split('\r\n').filter(Boolean)) {
        socket.write(SAYS[line.slice(0, 4).toUpperCase()] ?? '250 fine\r\n')
      }
    })
  }).listen(0, '127.0.0.1')
}

function startWeb(): HttpServer {
  return createHttp((request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => {
      posted.push({ path: request.url ?? '', body })
      response.end('ok')
    })
  }).listen(0, '127.0.0.1')
}

beforeAll(async () => {
  sullen = startSullen()
  web = startWeb()
  ;[stack, browser] = await Promise.all([startStack(), startBrowser()])
})

afterAll(async () => {
  await browser?.close()
  await stack?.end()
  sullen?.close()
  web?.close()
})

/* Every test signs in as somebody else: changes and tries are limited for each user. */
beforeEach(async () => {
  posted = []
  token = await stack.tokenFor({ role: 'SystemAdmin', sub: `admin-${++users}` })
  page = await openPage(browser, stack, '#/providers', token)
  faults = watchForFaults(page)
  await page.getByRole('heading', { name: 'Providers' }).waitFor(shown)
})

afterEach(async () => {
  await page.context().close()
  for (const name of ['smtp', 'sendgrid', 'twilio', 'slack', 'webhook']) {
    await api('DELETE', `/providers/${name}`)
  }
  expect(faults).toEqual([])
})

const api = (method: string, path: string, body?: unknown) => stack.api(method, path, body, { authorization: `Bearer ${token}` })
const put = async (name: string, body: unknown) => {
  const answer = await api('PUT', `/providers/${name}`, body)
  expect(answer.status, await answer.clone().text()).toBeLessThan(300)
}
const account = async (name: string) => (await (await api('GET', `/providers/${name}`)).json()) as { config: Record<string, unknown>; [member: string]: unknown }
const drawer = () => page.getByRole('dialog').first()
const asked = () => page.getByRole('dialog').nth(1)
const row = (name: string) => page.locator(`tr[data-key="${name}"]`)
const open = async (name: string) => {
  await row(name).getByRole('link').click()
  await drawer().getByRole('heading', { name: 'Try it' }).waitFor(shown)
}
const save = () => drawer().getByRole('button', { name: 'Save', exact: true }).click()
const smtp = () => ({ host: '127.0.0.1', port: Number(stack.value('BELLMAN_SMTP_PORT')), security: 'none' })

test('an account is made from the schema, changed, and its secret is kept, replaced and removed', async () => {
  await open('smtp')
  await drawer().getByText('The organization has no account with it.').waitFor()
  await save()
  await drawer().getByText('is needed', { exact: true }).waitFor()
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLInputElement).name)).toBe('host')
  await expectAccessible(page, 'provider, incomplete')
  await drawer().getByLabel('Server', { exact: true }).fill('127.0.0.1')
  await drawer().getByLabel('Port').fill('99999')
  await drawer().getByText('must be from 1 to 65,535').waitFor()
  await drawer().getByLabel('Port').fill(stack.value('BELLMAN_SMTP_PORT'))
  await drawer().getByLabel('Encryption').selectOption('none')
  await drawer().getByLabel('User name').fill('acme')
  await save()
  await drawer().getByText('is needed with username').waitFor(shown)
  await drawer().getByLabel('Password').fill('canary-in-the-coal')
  await save()
  await page.getByText('Account made').waitFor(shown)
  expect((await account('smtp')).config).toEqual({ ...smtp(), username: 'acme', password: '********' })
  expect(await page.content()).not.toContain('canary-in-the-coal')
  expect(JSON.stringify(await stack.sql('SELECT config, secrets FROM provider_accounts'))).not.toContain('canary')

  await drawer().getByRole('button', { name: 'Replace' }).click()
  await drawer().getByLabel('Password').fill('another')
  await drawer().getByRole('button', { name: 'Keep the present one' }).click()
  expect(await drawer().getByRole('button', { name: 'Discard changes' }).count()).toBe(0)
  await drawer().getByRole('button', { name: 'Remove' }).click()
  await drawer().getByText('Will be removed when you save').waitFor()
  await drawer().getByLabel('User name').fill('')
  await drawer().getByLabel('Position').fill('7')
  const sent = page.waitForRequest((request) => request.method() === 'PUT')
  await save()
  expect((await sent).postDataJSON()).toEqual({ config: { username: null, password: null }, position: 7 })
  await page.getByText('Account saved').waitFor(shown)
  expect(await account('smtp')).toMatchObject({ position: 7, config: { username: null, password: null } })
})

test('an account is tried out before it is saved: the stages, and the provider’s own words', async () => {
  await open('smtp')
  await drawer().getByLabel('Server', { exact: true }).fill('127.0.0.1')
  await drawer().getByLabel('Port').fill(String(portOf(sullen)))
  await drawer().getByLabel('Encryption').selectOption('none')
  await drawer().getByLabel('User name').fill('acme')
  await drawer().getByLabel('Password').fill('wrong')
  await drawer().getByText('With what is typed above, without saving it.').waitFor()
  await drawer().getByRole('button', { name: 'Log in only' }).click()
  await drawer().getByText('The login does not work').waitFor(shown)
  await drawer().getByText('Connected').waitFor()
  await drawer().getByText(/^Not let in/).waitFor()
  await drawer().getByText('535 5.7.8 who are you?').waitFor()
  await page.mouse.move(0, 0)
  await portray(page, 'provider-tried', { showing: drawer().getByText('535 5.7.8 who are you?') })

  await drawer().getByLabel('Port').fill(stack.value('BELLMAN_SMTP_PORT'))
  await drawer().getByLabel('User name').fill('')
  await drawer().getByLabel('Password').fill('')
  await drawer().getByLabel('Send a test email to').fill('nobody')
  await drawer().getByRole('button', { name: 'Send test email' }).click()
  await drawer().getByText(/must be .*(mail|address)/i).waitFor(shown)
  await drawer().getByLabel('Send a test email to').fill('zoe@example.com')
  await drawer().getByRole('button', { name: 'Send test email' }).click()
  await drawer().getByText('The mail was accepted').waitFor(shown)
  await drawer().getByText('Message accepted').waitFor()
  await expect.poll(async () => (await stack.mails()).some((mail) => mail.includes('X-RcptTo: zoe@example.com')), shown).toBe(true)
  expect((await api('GET', '/providers/smtp')).status).toBe(404)

  page.once('dialog', (dialog) => void dialog.dismiss())
  await page.keyboard.press('Escape')
  expect(await drawer().getByLabel('Server', { exact: true }).inputValue()).toBe('127.0.0.1')
  page.once('dialog', (dialog) => void dialog.accept())
  await page.keyboard.press('Escape')
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
})

test('Slack, text messages and webhooks are tried out from the page', async () => {
  const url = `http://127.0.0.1:${portOf(web)}`
  await open('webhook')
  await drawer().getByLabel('Address').fill(`${url}/hook`)
  await drawer().getByLabel('Signing secret', { exact: true }).fill('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  await drawer().getByRole('button', { name: 'Post a test event' }).click()
  await drawer().getByText('The event was accepted').waitFor(shown)
  expect(posted.map(({ path }) => path)).toEqual(['/hook'])
  await save()
  await page.getByText('Account made').waitFor(shown)
  await page.keyboard.press('Escape')

  await open('slack')
  await drawer().getByLabel('Endpoint').fill(url)
  await drawer().getByRole('button', { name: 'Send test message' }).click()
  await drawer().getByText('The message was not accepted').waitFor(shown)
  page.once('dialog', (dialog) => void dialog.accept())
  await page.keyboard.press('Escape')
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)

  await open('twilio')
  await drawer().getByLabel('Account SID').fill('AC00000000000000000000000000000001')
  await drawer().getByLabel('Auth token').fill('secret')
  await drawer().getByLabel('Messaging service SID').fill('MG00000000000000000000000000000001')
  await drawer().getByLabel('Endpoint').fill(url)
  await drawer().getByLabel('Send a test message to').fill('+4915112345678')
  await drawer().getByRole('button', { name: 'Send test message' }).click()
  await drawer().getByText(/The text message was (not )?accepted/).waitFor(shown)
  expect(posted.some(({ path, body }) => path.includes('AC00000000000000000000000000000001') && body.includes('4915112345678'))).toBe(true)
  page.once('dialog', (dialog) => void dialog.accept())
  await page.keyboard.press('Escape')
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
})

test('accounts are paused, resumed and deleted, and the order says who gets the messages', async () => {
  await put('smtp', { config: smtp(), position: 5 })
  await put('sendgrid', { config: { api_key: 'SG.canary' }, position: 1 })
  await page.getByText('Messages go out by SMTP server; when it fails, by SendGrid.').waitFor(shown)
  await open('smtp')
  await drawer().getByRole('button', { name: 'Pause…' }).click()
  await asked().getByLabel('Reason').fill('the mail room is being painted')
  await expectAccessible(page, 'provider, to pause')
  await asked().getByRole('button', { name: 'Pause' }).click()
  await drawer().getByText('the mail room is being painted').waitFor(shown)
  expect(await account('smtp')).toMatchObject({ paused_reason: 'the mail room is being painted' })
  await page.getByText('Messages go out by SendGrid.').waitFor(shown)
  await portray(page, 'provider')
  await drawer().getByRole('button', { name: 'Resume' }).click()
  await page.getByText('Resumed: it is used again').waitFor(shown)
  expect(await account('smtp')).toMatchObject({ paused_at: null })
  await drawer().getByRole('button', { name: 'Delete…' }).click()
  await asked().getByRole('button', { name: 'Delete account' }).click()
  await page.getByText('Account deleted').waitFor(shown)
  expect((await api('GET', '/providers/smtp')).status).toBe(404)
  await row('smtp').getByText('No account').waitFor(shown)
})

test('somebody else’s change is told, and what was typed goes over it only when that is wanted', async () => {
  await put('smtp', { config: smtp() })
  await row('smtp').getByText('Ready').waitFor(shown)
  await open('smtp')
  await drawer().getByLabel('Position').fill('3')
  const other = await stack.tokenFor({ role: 'SystemAdmin', sub: 'zoe' })
  const answer = await stack.api('PUT', '/providers/smtp', { max_per_second: 9 }, { authorization: `Bearer ${other}` })
  expect(answer.status).toBe(200)
  await drawer().getByText('zoe changed this meanwhile').waitFor(shown)
  expect(await drawer().getByLabel('Position').inputValue()).toBe('3')
  await save()
  await page.getByText('Account saved').waitFor(shown)
  expect(await account('smtp')).toMatchObject({ position: 3, max_per_second: 9 })
})

test('what could not be loaded is said, and tried again', async () => {
  await page.route('**/api/system/providers', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"title":"No","status":500,"detail":"the log knows"}' }))
  await page.reload()
  await page.getByLabel('Access token').fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('the log knows').waitFor(shown)
  await expectAccessible(page, 'providers, not loaded')
  await page.unroute('**/api/system/providers')
  await page.getByRole('button', { name: 'Try again' }).click()
  await row('smtp').waitFor(shown)
})

test('pictures of the providers', async () => {
  await put('smtp', { config: { ...smtp(), host: 'mail.example.com', port: 587, security: 'starttls' }, position: 1 })
  await put('sendgrid', { config: { api_key: 'SG.canary' }, position: 2 })
  await put('twilio', { config: { account_sid: 'AC00000000000000000000000000000001', auth_token: 'secret' } })
  await api('POST', '/providers/twilio/pause', { reason: '20003: Authenticate' })
  await put('webhook', { config: { url: 'https://hr.example.com/hooks/bellman', secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' } })
  await row('webhook').getByText('Ready').waitFor(shown)
  await row('twilio').getByText('Paused').waitFor(shown)
  await page.mouse.move(0, 0)
  await portray(page, 'providers', { whole: true })
  await page.locator('main').focus()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await drawer().getByRole('heading', { name: 'Try it' }).waitFor(shown)
  expect(page.url()).toContain('provider=smtp')
})
