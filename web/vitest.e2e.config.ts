import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/* The page in Chromium against a real stack: one stack and one browser for each file, one file at a time. */
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('..'),
  resolve: {
    alias: Object.fromEntries(
      ['vitest', 'playwright-core', 'axe-core'].map((name) => [name, here(`./node_modules/${name}`)]),
    ),
  },
  server: { fs: { strict: false } },
  test: {
    include: ['tests/e2e/**/*.spec.ts'],
    environment: 'node',
    testTimeout: 240_000,
    expect: { poll: { timeout: 15_000, interval: 50 } },
    hookTimeout: 120_000,
    fileParallelism: false,
  },
})
