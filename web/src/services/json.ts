/**
 * JSON whose integers stay exact. Payloads and results are other people's data: 9007199254740993 must not be shown, or
 * copied, as 9007199254740992. Integers that a number cannot hold come as bigint; all else is as JSON.parse gives it.
 */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [member: string]: Json }

/** Only a text with a run of 16 digits can hold an integer beyond 2^53; all others take the engine's own parser. */
const LONG_NUMBER = /\d{16}/
const INTEGER = /^-?\d+$/
const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y
const DEPTH_MAX = 512

function numberOf(source: string): number | bigint {
  const value = Number(source)
  return INTEGER.test(source) && !Number.isSafeInteger(value) ? BigInt(source) : value
}

class Reader {
  private at = 0

  constructor(private readonly text: string) {}

  private next(): { punctuation?: string; value?: Json } {
    TOKEN.lastIndex = this.at
    const match = TOKEN.exec(this.text)
    if (!match) throw new SyntaxError(`JSON is malformed at ${this.at}`)
    this.at = TOKEN.lastIndex
    const [, punctuation, quoted, digits, word] = match
    if (punctuation !== undefined) return { punctuation }
    if (digits !== undefined) return { value: numberOf(digits) }
    return { value: JSON.parse((quoted ?? word) as string) as Json }
  }

  private expect(wanted: string): void {
    if (this.next().punctuation !== wanted) throw new SyntaxError(`JSON lacks "${wanted}" before ${this.at}`)
  }

  /** Reads what follows an opening bracket: entries, separated by commas, to the closing one. */
  private entries(close: string, read: (token: ReturnType<Reader['next']>) => void): void {
    let token = this.next()
    if (token.punctuation === close) return
    for (;;) {
      read(token)
      const after = this.next().punctuation
      if (after === close) return
      if (after !== ',') throw new SyntaxError(`JSON lacks "," before ${this.at}`)
      token = this.next()
    }
  }

  private value(token: ReturnType<Reader['next']>, depth: number): Json {
    if (depth > DEPTH_MAX) throw new SyntaxError('JSON is nested too deeply')
    if (token.punctuation === '[') {
      const list: Json[] = []
      this.entries(']', (item) => list.push(this.value(item, depth + 1)))
      return list
    }
    if (token.punctuation === '{') {
      const members: [string, Json][] = []
      this.entries('}', (name) => {
        if (typeof name.value !== 'string') throw new SyntaxError(`JSON lacks a name before ${this.at}`)
        this.expect(':')
        members.push([name.value, this.value(this.next(), depth + 1)])
      })
      return Object.fromEntries(members) // defines members, so that "__proto__" is one like any other
    }
    if (token.value === undefined) throw new SyntaxError(`JSON is malformed before ${this.at}`)
    return token.value
  }

  read(): Json {
    const value = this.value(this.next(), 0)
    if (this.text.slice(this.at).trim() !== '') throw new SyntaxError(`JSON goes on at ${this.at}`)
    return value
  }
}

/** Throws SyntaxError when text is not JSON. */
export function parseJson(text: string): unknown {
  return LONG_NUMBER.test(text) ? new Reader(text).read() : JSON.parse(text)
}

/** The inverse of parseJson: a bigint is written as the integer it is. indent: spaces of each level, 0 for one line. */
export function formatJson(value: unknown, indent = 0): string {
  return write(value, indent, '') ?? 'null'
}

function write(value: unknown, indent: number, margin: string): string | undefined {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = margin + ' '.repeat(indent)
  const items = Array.isArray(value)
    ? value.map((item) => write(item, indent, inner) ?? 'null')
    : Object.entries(value).flatMap(([name, item]) => {
        const text = write(item, indent, inner)
        return text === undefined ? [] : [`${JSON.stringify(name)}:${indent ? ' ' : ''}${text}`]
      })
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  if (items.length === 0) return `${open}${close}`
  return indent
    ? `${open}\n${inner}${items.join(`,\n${inner}`)}\n${margin}${close}`
    : `${open}${items.join(',')}${close}`
}
