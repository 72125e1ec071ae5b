/* The settings as a form holds them: texts and switches. '' is what the server calls null. */
import { formatJson, parseJson } from '../services/json'
import { mergePatchOf } from '../services/patch'
import type { NotificationSettings, NotificationSettingsUpdate, TestSlackRequest } from '../services/types'
import { MASK } from '../ui/Secret'

export { MASK }

export const SWITCHES = [
  'email_enabled', 'email_on_employee_created', 'email_on_leave_request', 'email_on_payroll', 'email_on_alert',
  'sms_enabled', 'sms_on_leave_approval', 'sms_on_payroll', 'sms_on_alert',
  'slack_enabled', 'slack_on_critical_alert', 'digest_enabled', 'dnd_enabled',
] as const

export const TEXTS = [
  'email_provider', 'email_from_address', 'email_from_name', 'sms_provider', 'sms_from_number', 'slack_webhook_url',
  'slack_channel', 'digest_frequency', 'digest_time', 'quiet_hours_start', 'quiet_hours_end', 'timezone', 'custom_settings',
] as const

export type SwitchName = (typeof SWITCHES)[number]
export type TextName = (typeof TEXTS)[number]
export type FieldName = SwitchName | TextName

export type Form = Record<SwitchName, boolean> & Record<TextName, string>
export type Edits = Partial<Form>


export const FIELDS: readonly FieldName[] = [...SWITCHES, ...TEXTS]

export function toForm(settings: NotificationSettings): Form {
  const texts = TEXTS.map((name) => [
    name,
    name === 'custom_settings' ? formatJson(settings.custom_settings, 2) : (settings[name] ?? ''),
  ])
  return Object.fromEntries([...SWITCHES.map((name) => [name, settings[name]]), ...texts]) as Form
}

/* Edits that say what the server has already are none. */
export function tidyEdits(form: Form, edits: Edits): Edits {
  return Object.fromEntries(Object.entries(edits).filter(([name, value]) => form[name as FieldName] !== value))
}

export const changedFields = (edits: Edits): FieldName[] => FIELDS.filter((name) => name in edits)

/* What is sent: the changed fields alone. base is what they were changed from. */
export function toUpdate(base: NotificationSettings, edits: Edits): NotificationSettingsUpdate {
  const entries = changedFields(edits).map((name): [string, unknown] => {
    const value = edits[name]
    if (name === 'custom_settings') {
      return [name, mergePatchOf(base.custom_settings, parseJson(String(value)))]
    }
    return [name, value === '' ? null : value]
  })
  return Object.fromEntries(entries) as NotificationSettingsUpdate
}

/* What somebody else changed between two versions, by field. */
export function differences(before: NotificationSettings, after: NotificationSettings): FieldName[] {
  const [a, b] = [toForm(before), toForm(after)]
  return FIELDS.filter((name) => a[name] !== b[name])
}

/* A test message to Slack: what is typed and not saved goes along; the rest is as it is stored. */
export function slackTrial(form: Form, edits: Edits): TestSlackRequest {
  const { slack_webhook_url: url, slack_channel: channel } = form
  return {
    ...('slack_webhook_url' in edits && url !== MASK && url !== '' ? { slack_webhook_url: url } : {}),
    ...('slack_channel' in edits && channel !== '' ? { slack_channel: channel } : {}),
  }
}
