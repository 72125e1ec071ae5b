/* Names of templates, and texts as a form holds them. */
import type { TemplatePut, TemplateSummary, TemplateTexts } from '../services/api'
import { strings } from '../strings'

export const PARTS = ['subject', 'text', 'html'] as const
export type Part = (typeof PARTS)[number]
export type Texts = Readonly<Record<Part, string>>

export interface Key {
  readonly event: string
  readonly channel: string
  readonly locale: string // '': for all that have none of their own
}

export function keyOf(name: string): Key {
  const [event = '', channel = '', locale = ''] = name.split('.')
  return { event, channel, locale }
}

export const nameOf = ({ event, channel, locale }: Key): string => [event, channel, locale].filter(Boolean).join('.')

/* A language tag in the case that the server gives it; null when it is none. The language has two or three letters. */
export function tagOf(text: string): string | null {
  const tag = text.trim()
  if (!/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i.test(tag) || tag.length > 35) {
    return null
  }
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? null
  } catch {
    return null
  }
}

const languages = new Intl.DisplayNames('en', { type: 'language' })

export function languageOf(locale: string): string {
  if (locale === '') {
    return strings.templates.anyLocale
  }
  try {
    return languages.of(locale) ?? locale
  } catch {
    return locale
  }
}

/* Mail has a subject and HTML, other channels a text alone. */
export const partsOf = (channel: string): readonly Part[] => (channel === 'email' ? PARTS : ['text'])

export const formOf = (texts: TemplateTexts): Texts => ({
  subject: texts.subject ?? '',
  text: texts.text ?? '',
  html: texts.html ?? '',
})

/* What is saved and tried out: all texts that the channel has; an empty one is none. */
export function textsOf(channel: string, form: Texts): TemplatePut {
  const filled = partsOf(channel).map((part) => [part, part === 'text' ? form.text : form[part] || null])
  return Object.fromEntries(filled) as TemplatePut
}

/* Which messages there are, by event and channel, each once. */
export function messagesOf(list: readonly TemplateSummary[]): Key[] {
  const names = new Set(list.map(({ event, channel }) => nameOf({ event, channel, locale: '' })))
  return [...names].sort().map(keyOf)
}

/* Events in the order of their names, within one: channel by channel, each first for all, then by language. */
export function sorted(list: readonly TemplateSummary[]): TemplateSummary[] {
  const order = (each: TemplateSummary) => `${each.event} ${each.channel} ${each.locale}`
  return [...list].sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

/* A text with a field put where the cursor is; at: where the cursor goes then. */
export function withField(text: string, from: number, to: number, name: string): { text: string; at: number } {
  const [list, member] = name.split('.')
  const tag = member === undefined ? (name === 'items' ? '{{#items}}\n{{/items}}\n' : `{{${list ?? ''}}}`) : `{{${member}}}`
  return { text: text.slice(0, from) + tag + text.slice(to), at: from + tag.length }
}
