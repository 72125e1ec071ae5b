/*
 * An account as a form holds it: texts, by the schema that the server gives. '' is what the server calls null; a secret that
 * is kept is MASK. The server has the last word: what it refuses is shown at the same places.
 */
import type { ConfigProperty, JsonObject, Provider, ProviderAccount, ProviderAccountUpdate } from '../services/api'
import { strings } from '../strings'
import { MASK } from '../ui/Secret'

export interface ConfigField {
  readonly name: string
  readonly kind: 'text' | 'number' | 'choice'
  readonly secret: boolean
  readonly needed: boolean
  readonly choices: readonly string[]
  readonly fallback: string // what '' means; '' when it is nothing
  readonly min: number | undefined
  readonly max: number | undefined
  readonly help: string
}

/* Where a field of the form is, as the server's pointers have it: config/host, position. */
export type Form = Readonly<Record<string, string>>
export type Faults = Readonly<Record<string, string>>

const typesOf = ({ type }: ConfigProperty): readonly string[] => (typeof type === 'string' ? [type] : (type ?? []))

function fieldOf(name: string, property: ConfigProperty): ConfigField {
  const types = typesOf(property)
  const isNumber = types.includes('integer')
  return {
    name,
    kind: property.enum !== undefined ? 'choice' : isNumber ? 'number' : 'text',
    secret: property.writeOnly === true,
    needed: !types.includes('null') && property.default === undefined,
    choices: (property.enum ?? []).filter((choice): choice is string => choice !== null),
    fallback: property.default == null ? '' : String(property.default),
    min: isNumber ? property.minimum : property.minLength,
    max: isNumber ? property.maximum : property.maxLength,
    help: property.description ?? '',
  }
}

export const fieldsOf = ({ config_schema }: Provider): ConfigField[] =>
  Object.entries(config_schema.properties).map(([name, property]) => fieldOf(name, property))

const textOf = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

export function formOf(fields: readonly ConfigField[], account: ProviderAccount | null): Form {
  const config = fields.map(({ name, fallback, kind }) => {
    const stored = textOf(account?.config[name])
    return [`config/${name}`, stored === '' && kind === 'choice' ? fallback : stored] as const
  })
  return {
    ...Object.fromEntries(config),
    enabled: String(account?.enabled ?? true),
    position: String(account?.position ?? 0),
    max_per_second: textOf(account?.max_per_second),
  }
}

const COMMON: readonly ConfigField[] = [
  { name: 'position', kind: 'number', secret: false, needed: false, choices: [], fallback: '0', min: 0, max: 1000, help: '' },
  { name: 'max_per_second', kind: 'number', secret: false, needed: false, choices: [], fallback: '', min: 1, max: 10_000, help: '' },
]

function faultOf(field: ConfigField, value: string): string | undefined {
  const { kind, needed, min = 0, max = Number.MAX_SAFE_INTEGER } = field
  if (value === '') {
    return needed ? strings.form.needed : undefined
  }
  if (value === MASK && field.secret) {
    return undefined
  }
  if (kind === 'number') {
    if (!/^-?\d+$/.test(value)) {
      return strings.form.number
    }
    return Number(value) < min || Number(value) > max ? strings.form.range(min, max) : undefined
  }
  const length = [...value].length
  return kind === 'text' && (length < min || length > max) ? strings.form.length(min, max) : undefined
}

/* What is wrong with the form by itself. */
export function validate(fields: readonly ConfigField[], form: Form): Faults {
  const places = [
    ...fields.map((field) => [`config/${field.name}`, field] as const),
    ...COMMON.map((field) => [field.name, field] as const),
  ]
  return Object.fromEntries(
    places.flatMap(([place, field]) => {
      const fault = faultOf(field, form[place] ?? '')
      return fault === undefined ? [] : [[place, fault]]
    }),
  )
}

const valueOf = (field: ConfigField, text: string): string | number | null =>
  text === '' ? null : field.kind === 'number' ? Number(text) : text

/* The members of config that differ from what is stored, as a merge patch. */
export function configPatch(fields: readonly ConfigField[], before: Form, form: Form): JsonObject {
  const changed = fields.filter(({ name }) => before[`config/${name}`] !== form[`config/${name}`])
  return Object.fromEntries(changed.map((field) => [field.name, valueOf(field, form[`config/${field.name}`] ?? '')]))
}

/* What is sent: the changed members alone; of a new account its config is there, however empty. */
export function updateOf(
  fields: readonly ConfigField[],
  account: ProviderAccount | null,
  form: Form,
): ProviderAccountUpdate {
  const before = formOf(fields, account)
  const config = configPatch(fields, before, form)
  const update: ProviderAccountUpdate = {}
  if (account === null || Object.keys(config).length > 0) {
    update.config = config
  }
  if (before['enabled'] !== form['enabled']) {
    update.enabled = form['enabled'] === 'true'
  }
  for (const field of COMMON) {
    if (before[field.name] !== form[field.name]) {
      Object.assign(update, { [field.name]: valueOf(field, form[field.name] ?? '') })
    }
  }
  return update
}

/* What is shown of an account in a list: its first members that are no secret. */
export function summaryOf(fields: readonly ConfigField[], { config }: ProviderAccount): string {
  const shown = fields
    .filter(({ secret, name }) => !secret && config[name] != null)
    .map(({ name }) => [name, textOf(config[name])] as const)
  const values = new Map(shown)
  const host = values.get('host')
  if (host !== undefined) {
    return `${host}:${values.get('port') ?? ''}`
  }
  return shown[0]?.[1] ?? ''
}
