/* What entries of the audit log say of the settings, and what can be put back of it. Pure. */
import { formatJson } from '../services/json'
import type { AuditEntry } from '../services/types'
import { FIELDS, MASK, SWITCHES, type Edits, type FieldName, type Form } from './fields'

export interface Change {
  name: FieldName
  from: Form[FieldName]
  to: Form[FieldName]
  /* The log has the value as it was: it is neither secret nor cut short. */
  whole: boolean
}

const isSwitch = (name: FieldName): boolean => (SWITCHES as readonly string[]).includes(name)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/* As the form holds it. */
function formValue(name: FieldName, value: unknown): Form[FieldName] {
  if (isSwitch(name)) {
    return value === true
  }
  if (name === 'custom_settings') {
    return typeof value === 'string' ? value : formatJson(value ?? {}, 2)
  }
  return typeof value === 'string' ? value : ''
}

/* Objects that are long are logged as the beginning of their text. */
const isWhole = (name: FieldName, value: unknown): boolean =>
  value !== MASK && (name !== 'custom_settings' || typeof value !== 'string')

/* The fields that the form has, in its order. */
export function changesOf(entry: AuditEntry): Change[] {
  const changes: Record<string, unknown> = entry.changes ?? {}
  return FIELDS.flatMap((name) => {
    const change = changes[name]
    if (!isObject(change)) {
      return []
    }
    const { from = null, to = null } = change
    return [{ name, from: formValue(name, from), to: formValue(name, to), whole: isWhole(name, from) }]
  })
}

/* What the fields were before the change; of those only that can be put back. */
export function before(changes: readonly Change[]): Edits {
  return Object.fromEntries(changes.filter(({ whole }) => whole).map(({ name, from }) => [name, from])) as Edits
}
