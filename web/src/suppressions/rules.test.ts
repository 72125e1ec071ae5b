import { expect, test } from 'vitest'
import { addressFault } from './rules'

test.each([
  ['email', 'ada@example.com', true],
  ['email', 'Ada@Example.com', true],
  ['email', '+4915112345678', false],
  ['email', '', false],
  ['sms', '+4915112345678', true],
  ['sms', '015112345678', false],
  ['sms', 'ada@example.com', false],
])('%s %s may be listed: %s', (channel, address, good) => {
  expect(addressFault(channel, address) === undefined).toBe(good)
})
