/* Jobs in Chromium, against real servers: seen, cancelled, retried, replayed, held, explained. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { expectAccessible, openPage, portray, startBrowser, watchForFaults, type Browser, type Page } from './browser'
import { startStack, type Stack } from './stack'

interface Job {
  id: string
  status: string
  cancel_requested_at: string | null
}

/* A job type that fails for as long as this file is missing. */
let marker = ''
let stack: Stack
let browser: Browser
let page: Page
let faults: string[]

/* As soon as a change shows: polling every 2 s, and what a busy machine adds. */
const SHOWN_MS = 45_000
const shown = { timeout: SHOWN_MS }

beforeAll(async () => {
  marker = join(await mkdtemp(join(tmpdir(), 'bellman-e2e-')), 'printer-is-ready')
  const types = `[job_type print]\nexec = /usr/bin/test -e ${marker}\n`
  ;[stack, browser] = await Promise.all([startStack(types), startBrowser()])
})

afterAll(async () => {
  await rm(join(marker, '..'), { recursive: true, force: true })
  await browser?.close()
  await stack?.end()
})

beforeEach(async () => {
  page = await openPage(browser, stack, '#/jobs')
  faults = watchForFaults(page)
})

afterEach(async () => {
  await page.context().close()
  expect(faults).toEqual([])
})

async function create(job_type: string, payload: unknown = {}, rest: object = {}): Promise<string> {
  const answer = await stack.api('POST', '/background-jobs', { job_type, payload, ...rest })
  expect(answer.status, await answer.clone().text()).toBe(201)
  return ((await answer.json()) as Job).id
}

async function jobOf(id: string): Promise<Job> {
  return (await (await stack.api('GET', `/background-jobs/${id}`)).json()) as Job
}

async function untilStatus(id: string, status: string): Promise<void> {
  await expect.poll(async () => (await jobOf(id)).status, { timeout: 60_000 }).toBe(status)
}

const drawer = () => page.getByRole('dialog')
const badge = (text: string) => drawer().locator('.drawer-status').getByText(text, { exact: true })
const row = (id: string) => page.locator(`tr[data-key="${id}"]`)
const go = (hash: string) => page.evaluate((to) => (location.hash = to), hash)

test('a job is seen to wait, to run, to be told to stop, and to have ended', async () => {
  const later = await create('noop', {}, { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() })
  await row(later).getByText('Scheduled').waitFor(shown)
  await row(later).getByRole('link', { name: 'noop' }).click()
  await drawer().getByText('It is meant for later').waitFor(shown)
  await page.keyboard.press('Escape')
  const id = await create('sleep', { ms: 60_000 })
  await page.mouse.move(0, 0)
  await row(id).getByText('Running').waitFor({ timeout: 60_000 })
  await row(id).getByRole('link', { name: 'sleep' }).click()
  await badge('Running').waitFor({ timeout: 60_000 })
  await drawer().getByText('Attempt 1 runs').waitFor()
  await expectAccessible(page, 'job, running')
  await drawer().getByRole('button', { name: 'Cancel job' }).click()
  await page
    .getByText(/Its worker has been told to stop|^Cancelled$/)
    .first()
    .waitFor()
  await badge('Cancelled').waitFor(shown)
  await drawer().getByText('Told to stop by').waitFor(shown)
  await untilStatus(id, 'cancelled')
  expect(await stack.sql(`SELECT status FROM background_jobs WHERE id = '${id}'`)).toEqual([['cancelled']])
  await page.keyboard.press('Escape')
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('sleep')
})

test('a job that runs and cannot stop at once is shown as cancelling', async () => {
  const id = await create('sleep', { ms: 60_000 })
  await untilStatus(id, 'processing')
  await stack.kill('consumer')
  await go(`#/jobs?job=${id}`)
  await drawer().getByRole('button', { name: 'Cancel job' }).click()
  await badge('Cancelling…').waitFor(shown)
  await drawer().getByText('Its worker was told to stop').waitFor()
  await expectAccessible(page, 'job, cancelling')
  await stack.restart('consumer')
})

test('a failed job shows why, is retried, and completes', async () => {
  const id = await create('print', { copies: 2 }, { max_retries: 0 })
  await untilStatus(id, 'failed')
  await go(`#/jobs?status=failed&job=${id}`)
  await badge('Failed').waitFor(shown)
  await drawer().getByText('Attempt 1 failed').waitFor()
  await drawer().getByText('No retry left').waitFor()
  await portray(page, 'job')
  await writeFile(marker, '')
  await drawer().getByRole('button', { name: 'Replay' }).click()
  await badge('Completed').waitFor({ timeout: 60_000 })
  await drawer().getByText('Attempt 2 completed').waitFor()
  await drawer().getByText(/^Re(play|tri)ed by/).waitFor(shown)
  await portray(page, 'job-retried')
  await rm(marker)
})

test('payloads keep integers that a double cannot hold', async () => {
  const body = '{"job_type":"email.send","payload":{"to":"a@example.com","subject":"s","text":"9007199254740993"}}'
  expect(body).toContain('9007199254740993')
  const answer = await stack.api('GET', '/background-jobs?limit=1')
  await page.route('**/background-jobs/00000000-0000-7000-8000-000000000001', async (route) => {
    const [job] = ((await answer.clone().json()) as { jobs: object[] }).jobs
    const text = JSON.stringify({ ...job, id: '00000000-0000-7000-8000-000000000001', attempts: [], payload: 0 })
    await route.fulfill({
      contentType: 'application/json',
      body: text.replace('"payload":0', '"payload":{"employee":9007199254740993}'),
    })
  })
  await go('#/jobs?job=00000000-0000-7000-8000-000000000001')
  await drawer().getByText('9007199254740993').waitFor(shown)
})

test('what was cancelled too often within a minute is explained', async () => {
  const id = await create('noop', {}, { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() })
  await go(`#/jobs?job=${id}`)
  await badge('Scheduled').waitFor(shown)
  const missing = '00000000-0000-7000-8000-000000000000'
  await expect
    .poll(async () => (await stack.api('POST', `/background-jobs/${missing}/cancel`, {})).status, shown)
    .toBe(429)
  await drawer().getByRole('button', { name: 'Cancel job' }).click()
  await page.getByText(/Too many of these calls within a minute\. You can go on in \d+ seconds?/).waitFor()
  expect((await jobOf(id)).status).toBe('queued')
})

test('selected jobs are retried together, and all that fit by one call', async () => {
  const ids = await Promise.all([1, 2, 3, 4].map(() => create('print', {}, { max_retries: 0 })))
  await Promise.all(ids.map((id) => untilStatus(id, 'failed')))
  await go('#/jobs?status=failed&type=print')
  for (const id of ids.slice(0, 2)) {
    await row(id).getByRole('checkbox').check()
  }
  await page.getByText('2 selected').waitFor()
  await writeFile(marker, '')
  await expectAccessible(page, 'jobs, selected')
  await page.getByRole('button', { name: 'Retry (2)' }).click()
  await page.getByText('2 jobs queued again').waitFor(shown)
  await page.mouse.move(0, 0)
  await Promise.all(ids.slice(0, 2).map((id) => untilStatus(id, 'completed')))
  await page.getByRole('button', { name: /^Retry all 2 that fit/ }).click(shown)
  await expectAccessible(page, 'jobs, asked about all')
  await drawer()
    .getByRole('button', { name: /^Retry all/ })
    .click()
  await page.getByText('Retrying has begun').waitFor(shown)
  await Promise.all(ids.slice(2).map((id) => untilStatus(id, 'completed')))
  await page.getByRole('heading', { name: 'No jobs fit these filters' }).waitFor(shown)
})

test('rows stay where they are while somebody is at them', async () => {
  const first = await create('noop')
  await row(first).getByText('Completed').waitFor(shown)
  await row(first).hover()
  const second = await create('noop')
  await page.getByRole('button', { name: '1 new job: show' }).waitFor(shown)
  expect(await row(second).count()).toBe(0)
  // On the way to the button the rows still rest: it must not go away under the pointer.
  await page.getByRole('button', { name: '1 new job: show' }).hover()
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
  expect(await row(second).count()).toBe(0)
  await page.getByRole('button', { name: '1 new job: show' }).click()
  await row(second).waitFor(shown)
})

test('rows go on where a pointer only rests, and when it has left them', async () => {
  const first = await create('noop')
  await row(first).getByText('Completed').waitFor(shown)
  await row(first).hover()
  const second = await create('noop')
  await page.getByRole('button', { name: '1 new job: show' }).waitFor(shown)
  await page.mouse.move(0, 0)
  await row(second).waitFor(shown)
})

test('the list is walked through by keyboard', async () => {
  const id = await create('noop')
  await row(id).waitFor(shown)
  await page.locator('main').focus()
  await page.keyboard.press('j')
  await expect.poll(() => page.evaluate(() => document.activeElement?.closest('tr')?.dataset['key'])).toBe(id)
  await page.keyboard.press('x')
  await page.getByText('1 selected').waitFor()
  await page.keyboard.press('Enter')
  await drawer().waitFor()
  expect(page.url()).toContain(`job=${id}`)
  await page.goBack()
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
})

test('jobs that are paused say so, and go on when they are resumed', async () => {
  await page.getByRole('button', { name: 'Pause…' }).click()
  await drawer().getByLabel('Which jobs').selectOption('noop')
  await drawer().getByLabel('Reason').fill('the scales are being calibrated')
  await expectAccessible(page, 'jobs, to pause')
  await drawer().getByRole('button', { name: 'Pause' }).click()
  await page.getByText('Jobs of type noop are paused').waitFor(shown)
  await expect
    .poll(
      async () => ((await (await stack.api('GET', '/background-jobs/pauses')).json()) as { pauses: [] }).pauses.length,
    )
    .toBe(1)
  const id = await create('noop')
  await go(`#/jobs?job=${id}`)
  await badge('Paused').waitFor({ timeout: 60_000 })
  await drawer().getByText('Reason: the scales are being calibrated.').waitFor()
  await drawer().getByRole('button', { name: 'Resume' }).click()
  await badge('Completed').waitFor({ timeout: 60_000 })
})

test('a dead letter is replayed', async () => {
  const id = await create('fail', { permanent: true, message: 'no such account' })
  await untilStatus(id, 'failed')
  await go('#/dead-letters')
  await row(id).getByText('Trying again cannot help').waitFor(shown)
  await portray(page, 'dead-letters')
  await row(id).getByRole('checkbox').check()
  await page.getByRole('region', { name: '1 selected' }).getByRole('button', { name: 'Replay' }).click()
  await page.getByText('1 job queued again').waitFor(shown)
  await expect
    .poll(async () => Number((await stack.sql(`SELECT attempt FROM background_jobs WHERE id = '${id}'`))[0]?.[0]), {
      timeout: 60_000,
    })
    .toBeGreaterThan(1)
})

test('a schedule is looked at, run, paused and resumed', async () => {
  const schedule = { name: 'month end', cron: '30 9 25 * *', timezone: 'Europe/Berlin', job_type: 'noop', payload: {} }
  expect((await stack.api('POST', '/schedules', schedule)).status).toBe(201)
  await go('#/schedules')
  await page.getByRole('link', { name: 'month end' }).waitFor(shown)
  await portray(page, 'schedules')
  await page.getByRole('link', { name: 'month end' }).click()
  await drawer()
    .getByText(/^\w+ \d{4}-\d\d-25 09:30$/)
    .first()
    .waitFor(shown)
  expect(await drawer().locator('.firings li').count()).toBe(10)
  await portray(page, 'schedule')
  await drawer().getByRole('button', { name: 'Run now' }).click()
  await page.getByText('A job was created').waitFor(shown)
  await drawer().getByRole('button', { name: 'Pause' }).click()
  await drawer().getByText('It is paused, so none.').waitFor(shown)
  await drawer().getByRole('button', { name: 'Resume' }).click()
  await expect.poll(() => drawer().locator('.firings li').count(), shown).toBe(10)
})

test('deliveries show what was sent to whom, and are sent again', async () => {
  const event = {
    event: 'alert',
    severity: 'critical',
    recipients: [{ user_id: 'u1', email: 'ada@example.com' }],
    data: {},
  }
  expect((await stack.api('POST', '/notifications/events', event)).status).toBe(202)
  await go('#/deliveries')
  await page
    .getByRole('row', { name: /ada@example\.com/ })
    .getByText('Sent', { exact: true })
    .waitFor({ timeout: 30_000 })
  await portray(page, 'deliveries')
  await page
    .getByRole('row', { name: /ada@example\.com/ })
    .getByRole('link', { name: 'Alert' })
    .click()
  await drawer().getByText('Taken').waitFor(shown)
  await portray(page, 'delivery')
  await drawer().getByRole('button', { name: 'Send again' }).click()
  await page.getByText('A new delivery is on its way').waitFor(shown)
  await expect
    .poll(async () => (await stack.mails()).filter((mail) => mail.includes('ada@example.com')).length, {
      timeout: 30_000,
    })
    .toBe(2)
})

test('the overview, and the list in every light', async () => {
  await Promise.all([
    create('sleep', { ms: 600_000 }, { priority: 1 }),
    create('noop', {}, { priority: -1, scheduled_at: new Date(Date.now() + 7_200_000).toISOString() }),
    create('fail', { times: 9, message: 'mail server: 451 try again later' }),
  ])
  await page.getByText('Will retry').first().waitFor({ timeout: 60_000 })
  await portray(page, 'jobs')
  await go('#/overview')
  await page.getByRole('link', { name: /^Running/ }).waitFor(shown)
  await page.getByText(/^Of the last \d+ jobs? that started within the hour/).waitFor({ timeout: 60_000 })
  await expect.poll(() => page.locator('.chart canvas').count(), shown).toBe(1)
  await page.getByRole('region', { name: 'Workers' }).getByRole('link', { name: 'sleep' }).first().waitFor(shown)
  await page.getByText('Outbox', { exact: true }).waitFor()
  const hour = page.getByRole('region', { name: 'The last hour, by the minute' })
  await hour.getByText('The same as a table').click()
  await hour.getByRole('columnheader', { name: 'Will retry' }).waitFor()
  const completed = async () => Number((await stack.sql(
    "SELECT SUM(completed) FROM job_minutes WHERE organization_id = 'demo'"))[0]?.[0])
  const tabled = async () => {
    const cells = await hour.locator('tbody tr td:nth-child(2)').allTextContents()
    return cells.reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0)
  }
  await expect.poll(async () => [(await tabled()) > 0, (await tabled()) - (await completed())], shown).toEqual([true, 0])
  await expectAccessible(page, 'overview, with its table')
  await hour.getByText('The same as a table').click()
  await page.mouse.move(0, 0)
  await portray(page, 'overview', { whole: true })
})

test('an organization without jobs is told what will be here', async () => {
  await page.route('**/background-jobs?*', (route) =>
    route.fulfill({ json: { jobs: [], total: 0, total_capped: false, skip: 0, limit: 50, next_cursor: null } }),
  )
  await page.reload()
  await page.getByLabel('Access token').fill(stack.token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'No jobs yet' }).waitFor(shown)
  await expectAccessible(page, 'jobs, none')
})

test('a server that is away is said to be, and the list comes back with it', async () => {
  const id = await create('noop')
  await row(id).waitFor(shown)
  await stack.kill('api')
  await page.getByText('Not up to date').waitFor({ timeout: 60_000 })
  await row(id).waitFor()
  await expectAccessible(page, 'jobs, server away')
  await stack.restart('api')
  await page.getByText('Live', { exact: true }).waitFor({ timeout: 60_000 })
})
