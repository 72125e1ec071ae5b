/* Templates and suppressions in Chromium, against real servers: what is written is what is sent, and to whom nothing is. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { expectAccessible, openPage, portray, startBrowser, watchForFaults, type Browser, type Page } from './browser'
import { startStack, type Stack } from './stack'

let stack: Stack
let browser: Browser
let page: Page
let faults: string[]

const shown = { timeout: 45_000 }

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack(), startBrowser()])
})

afterAll(async () => {
  await browser?.close()
  await stack?.end()
})

beforeEach(async () => {
  page = await openPage(browser, stack, '#/templates')
  faults = watchForFaults(page)
  await page.getByRole('heading', { name: 'Templates' }).waitFor(shown)
})

afterEach(async () => {
  await page.context().close()
  expect(faults).toEqual([])
})

const dialog = () => page.getByRole('dialog')
const row = (key: string) => page.locator(`tr[data-key="${key}"]`)
const go = (hash: string) => page.evaluate((to) => (location.hash = to), hash)
const mail = () => page.frameLocator('iframe')

interface Template {
  source: string
  subject: string | null
  text: string
  html: string | null
}
const template = async (name: string): Promise<{ status: number; body: Template }> => {
  const answer = await stack.api('GET', `/notification-templates/${name}`)
  return { status: answer.status, body: (await answer.json()) as Template }
}

test('words of one’s own are written beside the product’s, seen before they are saved, and sent', async () => {
  await row('payroll.email').getByRole('link', { name: 'Payroll' }).click()
  await page.getByRole('heading', { name: 'Payroll: Mail' }).waitFor(shown)
  await page.getByText('The product’s words. What you save takes their place.').waitFor()
  await mail().getByText('The payroll for November 2026 is done.').waitFor(shown)
  const subject = page.getByLabel('Subject')
  await subject.fill('Pay day: ')
  await page.getByRole('button', { name: 'Insert period' }).click()
  expect(await subject.inputValue()).toBe('Pay day: {{period}}')
  await page.locator('.preview-subject', { hasText: 'Pay day: November 2026' }).waitFor(shown)
  await page.getByText('1 unsaved change').waitFor()
  await page.getByLabel('HTML', { exact: true }).fill(
    '<style>p { letter-spacing: 2px }</style><p style="color: rgb(200, 0, 0)">Dear {{recipient}}</p>' +
      '<script>document.body.textContent = "run"</script><img src="https://elsewhere.example/x.png" onerror="alert(1)">',
  )
  const dear = mail().getByText(/^Dear /)
  await dear.waitFor(shown)
  expect(await dear.evaluate((node) => [getComputedStyle(node).color, getComputedStyle(node).letterSpacing])).toEqual(['rgb(200, 0, 0)', '2px'])
  expect(await mail().locator('script, img[src]').count()).toBe(0)
  await page.getByRole('button', { name: 'Plain text' }).click()
  await page.locator('section[aria-labelledby="preview"] pre').waitFor()
  await page.getByRole('button', { name: 'Save as yours' }).click()
  await page.getByText('Saved: the next message has it').waitFor(shown)
  await page.getByText('Yours, last changed by admin').waitFor(shown)
  expect((await template('payroll.email')).body).toMatchObject({ source: 'organization', subject: 'Pay day: {{period}}' })
  const event = { event: 'payroll', recipients: [{ user_id: 'ada', email: 'ada@example.com' }], data: { period: 'May' } }
  expect((await stack.api('POST', '/notifications/events', event)).status).toBe(202)
  await expect.poll(async () => (await stack.mails()).some((each) => each.includes('Subject: Pay day: May')), shown).toBe(true)

  await page.getByRole('button', { name: 'Back to the product’s…' }).click()
  await expectAccessible(page, 'template, to reset')
  await dialog().getByRole('button', { name: 'Delete mine' }).click()
  await page.getByText('The product’s words serve again').waitFor(shown)
  expect((await template('payroll.email')).body.source).toBe('default')
  await expect.poll(() => subject.inputValue(), shown).toBe('Payroll{{#period}} for {{period}}{{/period}}')
})

test('a fault is told while typing, at its field, and nothing is saved', async () => {
  let puts = 0
  page.on('request', (request) => (puts += request.method() === 'PUT' ? 1 : 0))
  await go('#/templates?template=alert.sms')
  const text = page.getByLabel('Text', { exact: true })
  await text.fill('Look: {{nonsense}}')
  await page.getByText(/nonsense/).last().waitFor(shown)
  await expect.poll(() => text.getAttribute('aria-invalid'), shown).toBe('true')
  await page.getByText('There is no preview while the words have a fault.').waitFor(shown)
  await expectAccessible(page, 'template with a fault')
  await page.getByRole('button', { name: 'Save as yours' }).click()
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLTextAreaElement).name)).toBe('text')
  expect(puts).toBe(0)
  await text.fill('Look: {{title}}')
  await page.getByText(/^1 segment, \d+ characters in GSM-7$/).waitFor(shown)
  page.once('dialog', (question) => void question.dismiss())
  await page.getByRole('link', { name: 'All templates' }).click()
  expect(await text.inputValue()).toBe('Look: {{title}}')
  await page.getByRole('button', { name: 'Discard changes' }).click()
  await page.getByRole('link', { name: 'All templates' }).click()
  await row('alert.sms').waitFor(shown)
})

test('a language is added, beginning with the words of the next wider one, and deleted', async () => {
  await page.getByRole('button', { name: 'Add a language…' }).click()
  await dialog().getByLabel('Message').selectOption('alert.email')
  await dialog().getByLabel('Language').fill('german')
  await dialog().getByRole('button', { name: 'Write it' }).click()
  await dialog().getByText('must be a language such as fr or de-CH').waitFor()
  await expectAccessible(page, 'templates, to add')
  await dialog().getByLabel('Language').fill('de-ch')
  await dialog().getByRole('button', { name: 'Write it' }).click()
  await page.getByRole('heading', { name: 'Alert: Mail, Swiss High German' }).waitFor(shown)
  await page.getByText('It begins with the words of “German”.').waitFor(shown)
  await expect.poll(() => page.getByLabel('Subject').inputValue(), shown).toContain('KRITISCH')
  await page.getByLabel('Subject').fill('Achtung: {{title}}')
  await page.locator('.preview-subject').first().waitFor(shown)
  await page.getByRole('button', { name: 'Save as yours' }).click()
  await page.getByText('Saved: the next message has it').waitFor(shown)
  expect((await template('alert.email.de-CH')).body.subject).toBe('Achtung: {{title}}')
  await page.getByRole('button', { name: 'Delete…' }).click()
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click()
  await row('alert.email').waitFor(shown)
  expect(await row('alert.email.de-CH').count()).toBe(0)
  expect((await template('alert.email.de-CH')).status).toBe(404)
})

test('somebody else’s words are told, and replaced only when that is wanted', async () => {
  await go('#/templates?template=alert.slack')
  await page.getByLabel('Text', { exact: true }).fill('mine')
  const zoe = await stack.tokenFor({ role: 'SystemAdmin', sub: 'zoe' })
  const theirs = await stack.api('PUT', '/notification-templates/alert.slack', { text: 'theirs' }, { authorization: `Bearer ${zoe}` })
  expect(theirs.status).toBe(201)
  await page.getByText('zoe changed this meanwhile').waitFor(shown)
  expect(await page.getByLabel('Text', { exact: true }).inputValue()).toBe('mine')
  await page.getByRole('button', { name: 'Save as yours' }).click()
  await page.getByText('Saved: the next message has it').waitFor(shown)
  expect((await template('alert.slack')).body.text).toBe('mine')
})

test('pictures of the templates', async () => {
  await stack.api('PUT', '/notification-templates/payroll.email.de-CH', { subject: 'Lohn {{period}}', text: 'Grüezi {{recipient}}\n' })
  await row('payroll.email.de-CH').getByText('Yours').waitFor(shown)
  await portray(page, 'templates', { whole: true })
  await page.locator('main').focus()
  await page.keyboard.press('g')
  await page.keyboard.press('t')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'All templates' }).waitFor(shown)
  await go('#/templates?template=leave_request.email')
  await mail().getByText('asks for leave').waitFor(shown)
  await page.getByLabel('Subject').fill('{{employee_name}} wants leave')
  await page.locator('.preview-subject', { hasText: 'wants leave' }).waitFor(shown)
  await portray(page, 'template', { whole: true })
  await page.getByRole('button', { name: 'Discard changes' }).click()
})

const list = async (): Promise<{ address: string; note: string | null }[]> =>
  ((await (await stack.api('GET', '/suppressions')).json()) as { suppressions: { address: string; note: string | null }[] }).suppressions

test('an address is put on the list, found, and taken off again', async () => {
  await go('#/suppressions')
  await page.getByRole('heading', { name: 'No suppressed addresses' }).waitFor(shown)
  await expectAccessible(page, 'suppressions, none')
  await page.getByRole('button', { name: 'Add…' }).click()
  await dialog().getByLabel('Address').fill('nobody')
  await dialog().getByRole('button', { name: 'Suppress' }).click()
  await dialog().getByText('must be an email address').waitFor()
  await expectAccessible(page, 'suppressions, to add')
  await dialog().getByLabel('Address').fill('Ada@Example.com')
  await dialog().getByLabel('Note').fill('left the company')
  await dialog().getByRole('button', { name: 'Suppress' }).click()
  await page.getByText('ada@example.com gets nothing any more').waitFor(shown)
  expect(await list()).toMatchObject([{ address: 'ada@example.com', note: 'left the company' }])
  for (const [channel, address, reason, note] of [
    ['email', 'bob@example.com', 'bounce', '550 5.1.1 no such user'],
    ['email', 'eve@example.com', 'complaint', null],
    ['sms', '+4915112345678', 'unsubscribe', null],
  ]) {
    expect((await stack.api('POST', '/suppressions', { channel, address, reason, note })).status).toBe(201)
  }
  await page.getByRole('cell', { name: '+4915112345678', exact: true }).waitFor(shown)
  await page.getByRole('button', { name: 'Dismiss' }).first().click({ timeout: 1000 }).catch(() => undefined)
  await portray(page, 'suppressions')
  await page.getByLabel('Reason').selectOption('bounce')
  await expect.poll(() => page.locator('tbody tr').count(), shown).toBe(1)
  await page.getByRole('button', { name: 'Clear filters' }).click()
  await page.getByLabel('Address').fill('ADA@example.com')
  await page.keyboard.press('Enter')
  await expect.poll(() => page.locator('tbody tr').count(), shown).toBe(1)
  await page.getByRole('button', { name: 'Remove ada@example.com' }).click()
  await expectAccessible(page, 'suppressions, to remove')
  await dialog().getByRole('button', { name: 'Remove from the list' }).click()
  await page.getByText('ada@example.com gets messages again').waitFor(shown)
  await page.getByRole('heading', { name: 'No address fits these filters' }).waitFor(shown)
  expect((await list()).map(({ address }) => address)).not.toContain('ada@example.com')
})

test('a long list is walked through by pages', async () => {
  for (let n = 0; n < 60; n++) {
    await stack.api('POST', '/suppressions', { channel: 'email', address: `person${n}@example.com` })
  }
  await go('#/suppressions')
  await expect.poll(() => page.locator('tbody tr').count(), shown).toBe(50)
  await page.getByRole('button', { name: 'Next' }).click()
  await expect.poll(() => page.url()).toContain('cursor=')
  await expect.poll(() => page.locator('tbody tr').count(), shown).toBeLessThan(50)
  await page.getByRole('button', { name: 'First page' }).click()
  await expect.poll(() => page.locator('tbody tr').count(), shown).toBe(50)
})
