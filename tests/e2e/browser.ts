/* Chromium, a signed-in page, pictures of it and what axe finds in it. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Stack } from './stack'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const PICTURES = join(REPOSITORY, process.env['BELLMAN_SCREENSHOTS'] ?? 'build/e2e/screenshots')
const AXE = createRequire(join(REPOSITORY, 'web/package.json')).resolve('axe-core/axe.min.js')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

export const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const

/* A browser of its own; nothing of it leaves this machine. */
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--font-render-hinting=none'],
  })

/* What a page may never do: break its own policy, throw, or log an error that no test has announced. */
export function watchForFaults(page: Page): string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`))
  page.on('console', (message) => {
    const text = message.text()
    if (message.type() === 'error' && !/Failed to load resource/.test(text)) {
      faults.push(text)
    }
  })
  return faults
}

export async function openPage(browser: Browser, stack: Stack, hash: string, token: string = stack.token): Promise<Page> {
  const context = await browser.newContext({ viewport: SIZES.wide, colorScheme: 'light', locale: 'en-GB' })
  context.setDefaultTimeout(45_000)
  const page = await context.newPage()
  await page.goto(`${stack.url}/${hash}`)
  await signIn(page, token)
  return page
}

export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Access token').fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation', { name: 'Main' }).waitFor()
}

interface Finding {
  id: string
  help: string
  nodes: { html: string; failureSummary?: string }[]
}

/* axe is put in over the debugger's channel, which the page's own policy does not concern. */
export async function findViolations(page: Page): Promise<Finding[]> {
  if (!(await page.evaluate(() => 'axe' in window))) {
    await page.evaluate(await readFile(AXE, 'utf8'))
  }
  return page.evaluate(async (rules) => {
    const axe = (window as unknown as { axe: { run(o: unknown): Promise<{ violations: Finding[] }> } }).axe
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
    const { violations } = await axe.run({ runOnly: { type: 'tag', values: rules } })
    return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => ({ html, failureSummary })) }))
  }, RULES) as Promise<Finding[]>
}

export async function expectAccessible(page: Page, what: string): Promise<void> {
  const found = await findViolations(page)
  console.log(`axe: ${what}: ${found.length} violations`)
  expect(found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary ?? ""}`).join(' ')}`), what).toEqual([])
}

interface Pose {
  whole?: boolean // all of it, however long, but for the phone, whose bar stands at the bottom of the screen
  showing?: Locator // what must be in the picture
}

/* The view in light, dark and at the width of a phone, each also shown to axe. */
export async function portray(page: Page, name: string, { whole = false, showing }: Pose = {}): Promise<void> {
  const looks = [
    { look: 'light', size: SIZES.wide, scheme: 'light' },
    { look: 'dark', size: SIZES.wide, scheme: 'dark' },
    { look: 'phone', size: SIZES.phone, scheme: 'light' },
  ] as const
  for (const { look, size, scheme } of looks) {
    await page.setViewportSize(size)
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await showing?.scrollIntoViewIfNeeded()
    await page.screenshot({ path: join(PICTURES, `${name}-${look}.png`), animations: 'disabled', fullPage: whole && look !== 'phone' })
    await expectAccessible(page, `${name}, ${look}`)
  }
  await page.setViewportSize(SIZES.wide)
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null })
}

export type { Browser, BrowserContext, Page }
