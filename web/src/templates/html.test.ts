import { expect, test } from 'vitest'
import { withoutStyles } from './html'

test.each([
  ['<p style="color:red">a</p>', '<p data-mail-style="color:red">a</p>'],
  ['<STYLE>p { margin: 0 }</Style>', '<xmp>p { margin: 0 }</xmp>'],
  ['<img src="x" onerror = "run()">', '<img src="x" data-mail-onerror = "run()">'],
  ['<td\n  onClick=run() style=a>', '<td\n  data-mail-onClick=run() data-mail-style=a>'],
  ['in style = plain, and once = twice', 'in style = plain, and once = twice'],
  ['<p title="on">on</p>', '<p title="on">on</p>'],
])('%j becomes %j', (html, harmless) => {
  expect(withoutStyles(html)).toBe(harmless)
})
