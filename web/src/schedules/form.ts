/*
 * A schedule as a form holds it: texts. '' is what the server calls null. Rules that need no server are here; when and where
 * it fires, and whether the payload fits its type, the server says.
 */
import type { JobType, JsonObject, Schedule, ScheduleCreate, ScheduleUpdate } from '../services/api'
import { formatJson, parseJson } from '../services/json'
import { mergePatchOf } from '../services/patch'
import { strings } from '../strings'

const words = strings.scheduleForm

const RETRY = ['curve', 'base_s', 'cap_s', 'jitter_percent'] as const
const NUMBERS = {
  priority: [-1, 1],
  max_retries: [0, 100],
  timeout_s: [1, 86_400],
  misfire_limit: [1, 100],
  base_s: [0, 86_400],
  cap_s: [0, 2_592_000],
  jitter_percent: [0, 50],
} as const

export type NumberName = keyof typeof NUMBERS
export type FieldName = 'name' | 'cron' | 'timezone' | 'job_type' | 'payload' | 'misfire' | 'curve' | NumberName
export type Form = Readonly<Record<FieldName, string>>
export type Faults = Partial<Record<FieldName, string>>

export const EMPTY: Form = {
  name: '', cron: '', timezone: 'UTC', job_type: '', payload: '{}', misfire: 'once', curve: '', priority: '0',
  max_retries: '', timeout_s: '', misfire_limit: '10', base_s: '', cap_s: '', jitter_percent: '',
}

const textOf = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

export function formOf(schedule: Schedule): Form {
  const { retry } = schedule
  return {
    name: schedule.name,
    cron: schedule.cron,
    timezone: schedule.timezone,
    job_type: schedule.job_type,
    payload: formatJson(schedule.payload ?? {}, 2),
    misfire: schedule.misfire,
    priority: String(schedule.priority),
    max_retries: textOf(schedule.max_retries),
    timeout_s: textOf(schedule.timeout_s),
    misfire_limit: String(schedule.misfire_limit),
    curve: textOf(retry?.curve),
    base_s: textOf(retry?.base_s),
    cap_s: textOf(retry?.cap_s),
    jitter_percent: textOf(retry?.jitter_percent),
  }
}

/* null: it is no JSON object. */
export function payloadOf(text: string): JsonObject | null {
  try {
    const value = parseJson(text.trim() === '' ? '{}' : text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
  } catch {
    return null
  }
}

const isNumber = (name: FieldName): name is NumberName => name in NUMBERS

function numberFault(name: NumberName, text: string): string | undefined {
  const [min, max] = NUMBERS[name]
  if (text === '') {
    return undefined
  }
  if (!/^-?\d+$/.test(text)) {
    return strings.form.number
  }
  return Number(text) < min || Number(text) > max ? strings.form.range(min, max) : undefined
}

export function validate(form: Form): Faults {
  const faults: Faults = {}
  for (const name of ['name', 'cron', 'timezone', 'job_type'] as const) {
    if (form[name].trim() === '') {
      faults[name] = strings.form.needed
    }
  }
  for (const name of Object.keys(NUMBERS) as NumberName[]) {
    const fault = numberFault(name, form[name])
    if (fault !== undefined) {
      faults[name] = fault
    }
  }
  if (payloadOf(form.payload) === null) {
    faults.payload = words.payloadFault
  }
  if (form.base_s !== '' && form.cap_s !== '' && Number(form.cap_s) < Number(form.base_s)) {
    faults.cap_s ??= words.capFault
  }
  return faults
}

const valueOf = (name: FieldName, form: Form): string | number | null => {
  const text = form[name].trim()
  return text === '' ? null : isNumber(name) ? Number(text) : text
}

function retryOf(form: Form): JsonObject | null {
  const policy = RETRY.map((name) => [name, valueOf(name, form)] as const)
  return policy.every(([, value]) => value === null) ? null : Object.fromEntries(policy)
}

const PLAIN = ['name', 'cron', 'timezone', 'job_type', 'priority', 'misfire', 'misfire_limit', 'max_retries', 'timeout_s'] as const

/* What makes the schedule: all of it. The form has no fault. */
export function createOf(form: Form): ScheduleCreate {
  const members = PLAIN.map((name) => [name, valueOf(name, form)] as const)
  return { ...Object.fromEntries(members), payload: payloadOf(form.payload), retry: retryOf(form) } as unknown as ScheduleCreate
}

/* What changes it: what differs. With another type the server's payload starts from nothing. */
export function updateOf(before: Schedule, form: Form): ScheduleUpdate {
  const was = formOf(before)
  const changed = PLAIN.filter((name) => was[name] !== form[name]).map((name) => [name, valueOf(name, form)] as const)
  const update: Record<string, unknown> = Object.fromEntries(changed)
  const payload = payloadOf(form.payload)
  if ('job_type' in update) {
    update['payload'] = payload
  } else if (formatJson(payload) !== formatJson(before.payload ?? {})) {
    update['payload'] = mergePatchOf(before.payload ?? {}, payload)
  }
  if (RETRY.some((name) => was[name] !== form[name])) {
    update['retry'] = retryOf(form)
  }
  return update as ScheduleUpdate
}

/* Pointers such as /payload/to or /retry/base_s, at the fields of the form. */
export function faultsAt(errors: readonly { pointer: string; detail: string }[]): Faults {
  const faults: Record<string, string> = {}
  for (const { pointer, detail } of errors) {
    const [, member = '', inner = ''] = pointer.split('/')
    const at = member === 'retry' && inner !== '' ? inner : member === 'retry' ? 'curve' : member
    const told = member === 'payload' && inner !== '' ? `${pointer.slice('/payload/'.length)}: ${detail}` : detail
    faults[at] = at in faults ? `${faults[at] ?? ''}; ${told}` : told
  }
  return faults
}

/* The names of what a type's payload may have; none where any object does. */
export function membersOf(type: JobType | undefined): string[] {
  const schema = type?.payload_schema as { properties?: Record<string, unknown> } | null | undefined
  return Object.keys(schema?.properties ?? {})
}
