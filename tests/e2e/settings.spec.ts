import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest'
import { openPage, portray, startBrowser, expectAccessible, signIn, watchForFaults, type Browser, type Page } from './browser'
import { startStack, type Stack } from './stack'

const SLACK = 'https://hooks.slack.com/services/T0001/B0001/abcDEF123'

let stack: Stack
let browser: Browser
let page: Page
let faults: string[]

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack(), startBrowser()])
})

afterAll(async () => {
  await browser?.close()
  await stack?.end()
})

/* Every test signs in as somebody else: changes are limited for each user. */
let users = 0
let token = ''

beforeEach(async () => {
  token = await stack.tokenFor({ role: 'SystemAdmin', sub: `admin-${++users}` })
  page = await openPage(browser, stack, '#/settings', token)
  faults = watchForFaults(page)
  await page.getByRole('heading', { name: 'Notification settings' }).waitFor()
  await page.getByLabel('Send email', { exact: true }).waitFor()
})

afterEach(async () => {
  await page.context().close()
  expect(faults).toEqual([])
})

const row = async (columns: string) => (await stack.sql(`SELECT ${columns} FROM notification_settings WHERE organization_id='demo'`))[0]

const put = async (body: unknown, sub = `other-${users}`) => {
  const other = await stack.tokenFor({ role: 'SystemAdmin', sub })
  const answer = await stack.api('PUT', '/notification-settings', body, { authorization: `Bearer ${other}` })
  expect(answer.status).toBe(200)
}

const save = () => page.getByRole('button', { name: 'Save', exact: true }).click()
const saved = () => page.getByText('Settings saved').waitFor()

test('what is changed is in the database, and only that', async () => {
  await page.getByLabel('Sender’s address').fill('payroll@example.com')
  await page.getByRole('switch', { name: 'Payroll run: Email' }).uncheck({ force: true })
  await page.getByLabel('How often').selectOption('weekly')
  await page.getByLabel('Time zone').fill('Europe/Paris')
  await page.getByText('4 unsaved changes').waitFor()
  const changed = page.waitForRequest((request) => request.method() === 'PUT')
  await save()
  await saved()
  expect((await changed).postDataJSON()).toEqual({
    email_from_address: 'payroll@example.com', email_on_payroll: false, digest_frequency: 'weekly', timezone: 'Europe/Paris',
  })
  expect(await row('email_from_address, email_on_payroll, digest_frequency, timezone, updated_by')).toEqual([
    'payroll@example.com', '0', 'weekly', 'Europe/Paris', `admin-${users}`,
  ])
  await expect.poll(() => page.getByRole('button', { name: 'Save', exact: true }).count()).toBe(0)
})

test('a mistake is told while typing, and nothing is sent', async () => {
  let puts = 0
  page.on('request', (request) => (puts += request.method() === 'PUT' ? 1 : 0))
  const number = page.getByLabel('Sender’s number')
  await number.fill('555')
  await page.getByText('must begin with + and the country’s code').waitFor()
  expect(await number.getAttribute('aria-invalid')).toBe('true')
  await page.getByText('1 field needs attention first').waitFor()
  await expectAccessible(page, 'settings with a mistake')
  await page.getByLabel('Sender’s address').focus()
  await save()
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLInputElement).name)).toBe('sms_from_number')
  expect(puts).toBe(0)
})

test('what only the server can refuse is shown at its field', async () => {
  await page.route('**/notification-settings', async (route) => {
    if (route.request().method() === 'PUT') {
      // The page would not send this; the server's own answer to it is what is shown.
      await route.continue({ postData: JSON.stringify({ email_from_name: 'x'.repeat(101) }) })
    } else {
      await route.continue()
    }
  })
  await page.getByLabel('Sender’s name').fill('Payroll')
  await save()
  await page.getByText('must have 1 to 100 characters').waitFor()
  expect(await page.getByLabel('Sender’s name').inputValue()).toBe('Payroll')
})

test('a conflict shows both versions, and the choice is saved', async () => {
  await page.getByLabel('Sender’s name').fill('Mine')
  await page.getByLabel('Slack channel, or Channel').or(page.getByLabel('Channel', { exact: true })).fill('#mine')
  await put({ email_from_name: 'Theirs', slack_channel: '#theirs', digest_time: '10:30' }, 'zoe')
  await save()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('zoe saved another version').waitFor()
  await portray(page, 'settings-conflict')
  await dialog.getByText('10:30').waitFor()
  await dialog.getByRole('group', { name: 'Slack channel' }).getByLabel('Theirs').check()
  await dialog.getByRole('button', { name: 'Save this choice' }).click()
  await saved()
  expect(await row('email_from_name, slack_channel, digest_time')).toEqual(['Mine', '#theirs', '10:30'])
})

test('somebody else’s change is told while one edits, and shown at once while one does not', async () => {
  await put({ email_from_name: 'Elsewhere' })
  await expect.poll(() => page.getByLabel('Sender’s name').inputValue(), { timeout: 10_000 }).toBe('Elsewhere')
  await page.getByLabel('Channel', { exact: true }).fill('#edited')
  await put({ email_from_name: 'Again' })
  await page.getByText('changed by somebody else meanwhile').waitFor()
  expect(await page.getByLabel('Channel', { exact: true }).inputValue()).toBe('#edited')
})

test('a secret is set, kept, replaced and removed, and never shown', async () => {
  await page.getByLabel('Incoming webhook').fill(SLACK)
  await page.getByRole('switch', { name: 'Send to Slack' }).check({ force: true })
  await save()
  await saved()
  await page.getByText('Set, and kept secret').waitFor()
  expect(await page.content()).not.toContain('abcDEF123')
  const [sealed] = (await row('slack_webhook_url')) ?? []
  expect(sealed).toBeTruthy()
  expect(sealed).not.toContain('hooks.slack.com')

  await page.getByRole('button', { name: 'Replace' }).click()
  await page.getByLabel('Incoming webhook').fill('https://hooks.slack.com/')
  await page.getByText('must be an incoming webhook of Slack').waitFor()
  await page.getByRole('button', { name: 'Keep the present one' }).click()
  await page.getByText('Set, and kept secret').waitFor()
  expect(await page.getByRole('button', { name: 'Save', exact: true }).count()).toBe(0)

  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByText('is needed while Slack is switched on').waitFor()
  await page.getByRole('switch', { name: 'Send to Slack' }).uncheck({ force: true })
  await save()
  await expect.poll(async () => (await row('slack_webhook_url'))?.[0]).toBe('NULL')
})

test('a test mail arrives, and a refused one says why', async () => {
  await page.getByLabel('Send a test email to').fill('zoe@example.com')
  await page.getByRole('button', { name: 'Send test email' }).click()
  await page.getByText('The mail was accepted').waitFor()
  await expect.poll(async () => (await stack.mails()).some((mail) => mail.includes('X-RcptTo: zoe@example.com'))).toBe(true)

  await page.getByLabel('Send a test email to').fill('refused@example.com')
  await page.getByRole('button', { name: 'Send test email' }).click()
  await page.getByText('The mail was not accepted').waitFor()
  await page.getByText('no such mailbox here').waitFor()
})

test('a message to Slack is tried out with the webhook that is typed, before it is saved', async () => {
  const button = page.getByRole('button', { name: 'Send test message' })
  expect(await button.getAttribute('title')).toBe('It needs the address of a webhook')
  await page.getByLabel('Incoming webhook').fill(SLACK)
  await page.getByLabel('Channel', { exact: true }).fill('#trial')
  // Slack itself is not asked: its answer is written here, in the form of the API's.
  await page.route('**/test-slack', (route) =>
    route.fulfill({
      json: {
        success: false,
        job_id: '00000000-0000-7000-8000-000000000001',
        error: 'slack: 404 no_service',
        stages: [
          { stage: 'resolved', ok: true, detail: '', ms: 3 },
          { stage: 'connected', ok: true, detail: '', ms: 14 },
          { stage: 'tls', ok: true, detail: '', ms: 35 },
          { stage: 'authenticated', ok: false, detail: '404 no_service', ms: null },
        ],
      },
    }),
  )
  const asked = page.waitForRequest('**/test-slack')
  await button.click()
  expect((await asked).postDataJSON()).toEqual({ slack_webhook_url: SLACK, slack_channel: '#trial' })
  await page.getByText('The message was not accepted').waitFor()
  await page.getByText('Encrypted connection made').waitFor()
  await page.getByText('404 no_service').waitFor()
  await expectAccessible(page, 'settings, Slack tried')
  expect(await row('slack_channel')).not.toEqual(['#trial'])
})

test('the sixth test mail within a minute is explained', async () => {
  for (let i = 0; i < 5; i++) {
    const answer = await stack.api('POST', '/notification-settings/test-email', { email: 'a@example.com' }, { authorization: `Bearer ${token}` })
    expect(answer.status).toBe(200)
  }
  await page.getByLabel('Send a test email to').fill('a@example.com')
  await page.getByRole('button', { name: 'Send test email' }).click()
  await page.getByText(/Too many tries within a minute. Try again in \d+ seconds?/).waitFor()
})

test('quiet hours are drawn and told', async () => {
  await page.getByLabel('From', { exact: true }).fill('22:00')
  await page.getByText('must be given too').waitFor()
  await page.getByLabel('Until', { exact: true }).fill('07:00')
  await page.getByText(/Next quiet window: .*22:00 to 07:00|Quiet now, until 07:00/).first().waitFor()
  await page.getByRole('switch', { name: 'Gather email into a digest' }).check({ force: true })
  await page.getByText('The next digest is due').waitFor()
  await page.getByRole('switch', { name: 'Do not disturb' }).check({ force: true })
  await page.getByText('only what is critical goes out').first().waitFor()
})

test('unsaved changes are not lost by accident', async () => {
  await page.getByLabel('Sender’s name').fill('Unsaved')
  await page.getByText('1 unsaved change').waitFor()
  page.once('dialog', (dialog) => void dialog.dismiss())
  await page.getByRole('link', { name: 'Jobs' }).click()
  await expect.poll(() => page.url()).toMatch(/#\/settings/)
  expect(await page.getByLabel('Sender’s name').inputValue()).toBe('Unsaved')
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click()
  await expect.poll(() => page.getByLabel('Sender’s name').inputValue()).not.toBe('Unsaved')
  await page.getByRole('link', { name: 'Jobs' }).click()
  await expect.poll(() => page.url()).toMatch(/#\/jobs/)
})

test('a token that runs out asks for another, edits stay, and what was being saved is saved', async () => {
  const short = await stack.tokenFor({ role: 'SystemAdmin', sub: `admin-${users}`, ttlS: 4 })
  await page.reload()
  await signIn(page, short)
  await page.getByLabel('Sender’s name').fill('Survives')
  await page.getByRole('dialog').getByText('Your token has expired').waitFor({ timeout: 20_000 })
  await expectAccessible(page, 'sign in again')
  await page.getByRole('dialog').getByLabel('Access token').fill(token)
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click()
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
  expect(await page.getByLabel('Sender’s name').inputValue()).toBe('Survives')
  await save()
  await saved()
  expect(await row('email_from_name')).toEqual(['Survives'])
})

test('the API goes away and comes back, and the page with it', async () => {
  await page.getByLabel('Channel', { exact: true }).fill('#kept')
  await stack.kill('api')
  await page.getByText('The server does not answer').waitFor({ timeout: 30_000 })
  await save()
  await page.getByText('Not saved:').waitFor()
  await page.getByRole('button', { name: 'Dismiss' }).click()
  await stack.restart('api')
  await expect.poll(() => page.getByText('The server does not answer').count(), { timeout: 60_000 }).toBe(0)
  await save()
  await saved()
  expect(await row('slack_channel')).toEqual(['#kept'])
})

test('what was changed is told, and put back into the form', async () => {
  await put({ email_from_name: 'Before', slack_channel: '#before', slack_webhook_url: SLACK, slack_enabled: true }, 'ada')
  await put({ email_from_name: 'After', slack_channel: null, slack_webhook_url: null, slack_enabled: false }, 'zoe')
  await page.getByText(/Last changed .* by zoe/).waitFor() // the form is of this version: else saving would be a conflict
  const part = page.getByRole('region', { name: 'Change history' })
  await part.getByText('Show the changes').click()
  const [newest, older] = [part.locator('.history-entry').nth(0), part.locator('.history-entry').nth(1)]
  await newest.getByText('zoe').waitFor()
  await newest.getByText('Sender’s name: Before').waitFor()
  await newest.getByText('Slack’s incoming webhook: Set, and kept secret').waitFor()
  await older.getByText('ada').waitFor()
  expect(await page.content()).not.toContain('abcDEF123')
  await portray(page, 'settings-history', { showing: newest.getByRole('button') })

  let puts = 0
  page.on('request', (request) => (puts += request.method() === 'PUT' ? 1 : 0))
  await newest.getByRole('button', { name: 'Put this back' }).click()
  await page.getByText('3 fields are filled in as before; nothing is saved yet').waitFor()
  expect(await page.getByLabel('Sender’s name').inputValue()).toBe('Before')
  expect(await page.getByLabel('Channel', { exact: true }).inputValue()).toBe('#before')
  expect(puts).toBe(0)
  await page.getByText('is needed while Slack is switched on').waitFor() // the secret is nowhere to be had again
  await page.getByRole('switch', { name: 'Send to Slack' }).uncheck({ force: true })
  await save()
  await saved()
  expect(await row('email_from_name, slack_channel, slack_enabled')).toEqual(['Before', '#before', '0'])
  await part.locator('.history-entry').nth(0).getByText(`admin-${users}`).waitFor({ timeout: 10_000 })
  await expect.poll(() => newest.getByRole('button', { name: 'Put this back' }).getAttribute('aria-disabled')).toBeNull()
})

test('older changes are read when they are asked for', async () => {
  for (let i = 0; i < 12; i++) {
    await put({ email_from_name: `Name ${i}` }, `writer-${i}`)
  }
  const part = page.getByRole('region', { name: 'Change history' })
  await part.getByText('Show the changes').click()
  await expect.poll(() => part.locator('.history-entry').count()).toBe(10)
  await part.getByRole('button', { name: 'Show older ones' }).click()
  await part.getByText('writer-0', { exact: true }).waitFor()
  await put({ email_from_name: 'Name 12' }, 'writer-12')
  await part.getByText('writer-12', { exact: true }).waitFor({ timeout: 10_000 })
  await part.getByText('writer-0', { exact: true }).waitFor()
})

test('pictures of the settings', async () => {
  await put({
    email_from_address: 'payroll@example.com', email_from_name: 'Payroll', quiet_hours_start: '22:00', quiet_hours_end: '07:00',
    timezone: 'Europe/Paris', digest_enabled: true, digest_frequency: 'daily', digest_time: '09:00', slack_webhook_url: SLACK,
    slack_enabled: true, slack_channel: '#alerts', custom_settings: { locale: 'en', retention: { days: 30 } },
  })
  await expect.poll(() => page.getByLabel('Sender’s name').inputValue()).toBe('Payroll')
  await portray(page, 'settings', { whole: true })
  await page.getByLabel('Channel', { exact: true }).fill('#people')
  await expectAccessible(page, 'settings with changes')
})

test('a digest that gathers is shown before it goes', async () => {
  await put({ digest_enabled: true, digest_frequency: 'daily', digest_time: '09:00', dnd_enabled: false, email_enabled: true })
  await page.getByLabel('Whose next digest').fill('nobody')
  await page.getByRole('button', { name: 'Preview', exact: true }).click()
  await page.getByText('Nothing gathers for nobody at the moment.').waitFor()
  const told = await stack.api('POST', '/notifications/events', {
    event: 'leave_request', data: { employee_name: 'Grace Hopper', leave_type: 'Sailing' },
    recipients: [{ user_id: 'ada', email: 'ada@example.com' }],
  })
  expect(told.status, await told.clone().text()).toBe(202)
  await page.getByLabel('Whose next digest').fill('ada')
  await expect.poll(async () => {
    await page.getByLabel('Whose next digest').press('Enter')
    return page.getByText('1 message so far; it goes').isVisible()
  }, { timeout: 30_000, interval: 500 }).toBe(true)
  await page.locator('.digest-text').getByText('Grace Hopper').waitFor()
  expect(page.url()).toMatch(/#\/settings/)
  await expectAccessible(page, 'settings, digest preview')
  await put({ digest_enabled: false })
})
