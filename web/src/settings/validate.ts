/*
 * The server's rules, told while one types. The server has the last word: what it refuses is shown at the same places.
 */
import { parseJson } from '../services/json'
import { strings } from '../strings'
import { MASK, type FieldName, type Form } from './fields'

export type Faults = Partial<Record<FieldName, string>>

const ATOM = "[A-Za-z0-9!#$%&'*+\\-/=?^_`{|}~]+"
const QUOTED = '"(?:[^"\\\\<>\\x00-\\x1f\\x7f-\\uffff]|\\\\[ -;=?-~])*"'
const LABEL = '(?!-)[A-Za-z0-9-]{1,63}(?<!-)'
const EMAIL = new RegExp(`^(?=.{1,254}$)(?=.{1,64}@)(?:${ATOM}(?:\\.${ATOM})*|${QUOTED})@(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`)
const PHONE = /^\+[1-9]\d{1,14}$/
const HHMM = /^([01]\d|2[0-3]):[0-5]\d$/
const SLACK = /^https:\/\/hooks\.slack(-gov)?\.com\/services\/T[A-Za-z0-9]+\/B[A-Za-z0-9]+\/[A-Za-z0-9]+$/
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
const SLACK_URL_MAX = 300
const CUSTOM_BYTES_MAX = 65536

export const isEmail = (text: string): boolean => EMAIL.test(text)
export const isPhone = (text: string): boolean => PHONE.test(text)

export function isZone(name: string): boolean {
  if (!/^[A-Z][A-Za-z0-9_+/-]{1,63}$/.test(name)) {
    return false
  }
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}

type Rule = (value: string) => string | undefined
const say = strings.settings.faults

const optional = (rule: Rule): Rule => (value) => (value === '' ? undefined : rule(value))
const check = (isGood: (value: string) => boolean, text: string): Rule => (value) => (isGood(value) ? undefined : text)
const line = (max: number): Rule => (value) => {
  if (CONTROL.test(value)) {
    return say.control
  }
  return [...value].length > max ? say.tooLong(max) : undefined
}

function customSettings(text: string): string | undefined {
  try {
    const value = parseJson(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return say.notObject
    }
  } catch (error) {
    return say.notJson(error instanceof Error ? error.message : '')
  }
  return new TextEncoder().encode(text).length > CUSTOM_BYTES_MAX ? say.tooLarge : undefined
}

const time = check((value) => HHMM.test(value), say.time)

const RULES: Partial<Record<FieldName, Rule>> = {
  email_from_address: optional(check(isEmail, say.email)),
  email_from_name: optional(line(100)),
  sms_from_number: optional(check((value) => PHONE.test(value), say.phone)),
  slack_webhook_url: optional(
    check((value) => value === MASK || (value.length <= SLACK_URL_MAX && SLACK.test(value)), say.slackUrl),
  ),
  slack_channel: optional(line(80)),
  digest_time: time,
  quiet_hours_start: optional(time),
  quiet_hours_end: optional(time),
  timezone: check(isZone, say.zone),
  custom_settings: customSettings,
}

/* Rules over several fields, where the fields themselves are right. */
function together(form: Form): Faults {
  const faults: Faults = {}
  if (form.quiet_hours_start === '' && form.quiet_hours_end !== '') {
    faults.quiet_hours_start = say.quietBoth
  } else if (form.quiet_hours_start !== '' && form.quiet_hours_end === '') {
    faults.quiet_hours_end = say.quietBoth
  } else if (form.quiet_hours_start !== '' && form.quiet_hours_start === form.quiet_hours_end) {
    faults.quiet_hours_end = say.quietEqual
  }
  if (form.sms_enabled && form.sms_provider === 'twilio' && form.sms_from_number === '') {
    faults.sms_from_number = say.smsNumber
  }
  if (form.slack_enabled && form.slack_webhook_url === '') {
    faults.slack_webhook_url = say.slackNeeded
  }
  return faults
}

export function validate(form: Form): Faults {
  const faults = together(form)
  for (const [name, rule] of Object.entries(RULES) as [FieldName, Rule][]) {
    const fault = rule(String(form[name]))
    if (fault !== undefined) {
      faults[name] = fault
    }
  }
  return faults
}
