import { expect, test } from 'vitest'
import { cancelFilterOf, isFiltered, queryOf, retryFilterOf } from './query'

const query = (text: string) => queryOf(new URLSearchParams(text))

test('the address says which page of which jobs', () => {
  const from = '2026-11-24T08:00'
  expect(query(`status=failed&type=email.send&priority=-1&page=3&from=${from}`)).toEqual({
    status: 'failed',
    job_type: 'email.send',
    priority: -1,
    created_after: new Date(from).toISOString(),
    created_before: undefined,
    skip: 100,
    limit: 50,
  })
})

test.each([
  'status=none',
  'priority=2',
  'priority=',
  'priority=x',
  'page=0',
  'page=-1',
  'page=1.5',
  'page=999999',
  'from=never',
  'type=%20',
])('what makes no sense is left out: %s', (text) => expect(query(text)).toEqual(query('')))

test('a filter on all has what the list has, and never more', () => {
  expect(cancelFilterOf(query(''))).toEqual({ all: true })
  expect(cancelFilterOf(query('status=queued&type=a'))).toEqual({ status: 'queued', job_type: 'a' })
  expect(cancelFilterOf(query('status=failed'))).toBeNull()
  expect(retryFilterOf(query('status=failed&priority=0'))).toEqual({ status: 'failed', priority: 0 })
  expect(retryFilterOf(query(''))).toBeNull()
  expect(isFiltered(query('status=failed'))).toBe(false)
  expect(isFiltered(query('priority=0'))).toBe(true)
})
