/* Schedules in Chromium, against real servers: made, changed, run, paused and deleted. */
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
  page = await openPage(browser, stack, '#/schedules')
  faults = watchForFaults(page)
  await page.getByRole('heading', { name: 'Schedules', exact: true }).waitFor(shown)
})

afterEach(async () => {
  await page.context().close()
  expect(faults).toEqual([])
})

const drawer = () => page.getByRole('dialog').first()
const asked = () => page.getByRole('dialog').nth(1)
const field = (label: string) => drawer().getByLabel(label, { exact: true })

interface Schedule {
  id: string
  name: string
  [member: string]: unknown
}
const schedules = async (): Promise<Schedule[]> =>
  ((await (await stack.api('GET', '/schedules')).json()) as { schedules: Schedule[] }).schedules
const named = async (name: string) => (await schedules()).find((each) => each.name === name)

async function make(name: string, rest: object = {}): Promise<Schedule> {
  const answer = await stack.api('POST', '/schedules', { name, cron: '30 9 25 * *', timezone: 'Europe/Berlin', job_type: 'noop', ...rest })
  expect(answer.status, await answer.clone().text()).toBe(201)
  return (await answer.json()) as Schedule
}

test('a schedule is made, with its next firings seen before', async () => {
  await page.getByRole('heading', { name: 'No schedules' }).waitFor(shown)
  await page.getByRole('button', { name: 'New schedule' }).click()
  await drawer().getByRole('button', { name: 'Make schedule' }).click()
  await expect.poll(() => drawer().getByText('is needed', { exact: true }).count()).toBe(3)
  await expectAccessible(page, 'schedule, incomplete')
  await field('Name').fill('pay slips')
  await field('When').fill('99 * * * *')
  await expect.poll(() => field('When').getAttribute('aria-invalid'), shown).toBe('true')
  await field('Time zone').fill('Mars/Phobos')
  await expect.poll(() => field('Time zone').getAttribute('aria-invalid'), shown).toBe('true')
  await field('Time zone').fill('Europe/Berlin')
  await drawer().getByRole('button', { name: 'On the 25th at 09:30' }).click()
  await drawer().getByText(/^\w+ \d{4}-\d\d-25 09:30$/).first().waitFor(shown)
  expect(await drawer().locator('.firings li').count()).toBe(10)
  await field('Job type').selectOption('email.send')
  await drawer().getByText('It may have: to,').waitFor(shown)
  await field('Payload').fill('{"to": ')
  await drawer().getByText('must be a JSON object').waitFor()
  await field('Payload').fill('{"to": "ada@example.com"}')
  await drawer().getByRole('button', { name: 'Make schedule' }).click()
  await drawer().getByText(/subject: /).waitFor(shown)
  await field('Payload').fill('{"to": "ada@example.com", "subject": "Pay slip", "text": "It is there."}')
  await field('Priority').selectOption('1')
  await field('Missed firings').selectOption('all')
  await field('Make up for at most').fill('3')
  await drawer().getByText('Retries and time').click()
  await field('Retries of each job').fill('5')
  await field('Wait before a retry').selectOption('fixed')
  await field('First wait, seconds').fill('60')
  await drawer().locator('.dialog-body').evaluate((body) => (body.scrollTop = 0))
  await portray(page, 'schedule-new')
  await drawer().getByRole('button', { name: 'Make schedule' }).click()
  await page.getByText('Schedule made').waitFor(shown)
  await drawer().getByRole('button', { name: 'Run now' }).waitFor(shown)
  expect(await named('pay slips')).toMatchObject({
    cron: '30 9 25 * *', timezone: 'Europe/Berlin', job_type: 'email.send', priority: 1, max_retries: 5, misfire: 'all',
    misfire_limit: 3, retry: { curve: 'fixed', base_s: 60 }, payload: { to: 'ada@example.com', subject: 'Pay slip', text: 'It is there.' },
  })
  await drawer().getByRole('button', { name: 'Run now' }).click()
  await page.getByText('A job was created').waitFor(shown)
  await expect.poll(async () => (await stack.mails()).some((mail) => mail.includes('Subject: Pay slip')), shown).toBe(true)
})

test('a schedule is changed, and only what differs is sent', async () => {
  const { id } = await make('month end', { payload: {}, timeout_s: 60 })
  await page.evaluate((to) => (location.hash = to), `#/schedules?schedule=${id}`)
  await drawer().getByRole('button', { name: 'Edit' }).click(shown)
  await drawer().getByRole('heading', { name: 'Edit month end' }).waitFor()
  await field('Name').fill('month’s end')
  await field('Time limit, seconds').fill('')
  const sent = page.waitForRequest((request) => request.method() === 'PUT')
  await drawer().getByRole('button', { name: 'Save', exact: true }).click()
  expect((await sent).postDataJSON()).toEqual({ name: 'month’s end', timeout_s: null })
  await page.getByText('Schedule saved').waitFor(shown)
  await drawer().getByRole('heading', { name: 'month’s end' }).waitFor(shown)
  await drawer().getByRole('button', { name: 'Pause' }).click()
  await drawer().getByText('It is paused, so none.').waitFor(shown)
})

test('somebody else’s change is told, edits are not lost by accident, and are put over theirs', async () => {
  const { id } = await make('reminders')
  await page.evaluate((to) => (location.hash = to), `#/schedules?schedule=${id}&edit=1`)
  await field('Name').fill('nudges')
  const zoe = await stack.tokenFor({ role: 'SystemAdmin', sub: 'zoe' })
  await stack.api('PUT', `/schedules/${id}`, { priority: -1 }, { authorization: `Bearer ${zoe}` })
  await drawer().getByText('zoe changed this meanwhile').waitFor(shown)
  page.once('dialog', (question) => void question.dismiss())
  await page.keyboard.press('Escape')
  expect(await field('Name').inputValue()).toBe('nudges')
  await drawer().getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Schedule saved').waitFor(shown)
  expect(await named('nudges')).toMatchObject({ priority: -1 })
})

test('a schedule is deleted once somebody has said so twice', async () => {
  const { id } = await make('to be gone')
  await page.evaluate((to) => (location.hash = to), `#/schedules?schedule=${id}`)
  await drawer().getByRole('button', { name: 'Delete…' }).click(shown)
  await expectAccessible(page, 'schedule, to delete')
  await asked().getByRole('button', { name: 'Cancel' }).click()
  expect(await named('to be gone')).toBeDefined()
  await drawer().getByRole('button', { name: 'Delete…' }).click()
  await asked().getByRole('button', { name: 'Delete schedule' }).click()
  await page.getByText('Schedule deleted').waitFor(shown)
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
  expect(await named('to be gone')).toBeUndefined()
})
