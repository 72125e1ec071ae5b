import { expect, test } from 'vitest'
import { MASK, type FieldName, type Form } from './fields'
import { validate } from './validate'

const FINE: Form = {
  email_enabled: true, email_on_employee_created: true, email_on_leave_request: true, email_on_payroll: true,
  email_on_alert: true, sms_enabled: false, sms_on_leave_approval: false, sms_on_payroll: false, sms_on_alert: false,
  slack_enabled: false, slack_on_critical_alert: false, digest_enabled: false, dnd_enabled: false,
  email_provider: 'smtp', email_from_address: '', email_from_name: '', sms_provider: 'twilio', sms_from_number: '',
  slack_webhook_url: '', slack_channel: '', digest_frequency: 'daily', digest_time: '09:00', quiet_hours_start: '',
  quiet_hours_end: '', timezone: 'UTC', custom_settings: '{}',
}
const SLACK = 'https://hooks.slack.com/services/T0001/B0001/abcDEF123'

const faultsOf = (changes: Partial<Form>) => Object.keys(validate({ ...FINE, ...changes })).sort()

test.each<[FieldName, string[]]>([
  ['email_from_address', ['a@example.com', 'first.last+tag@mail.example.co.uk', '"quoted local"@example.com', "o'brien@example.org"]],
  ['email_from_name', ['Payroll', 'x'.repeat(100), 'ü'.repeat(100), '🙂'.repeat(100)]],
  ['sms_from_number', ['+14155550123', '+999999999999999']],
  ['slack_webhook_url', [SLACK, 'https://hooks.slack-gov.com/services/T0001/B0001/x', MASK]],
  ['slack_channel', ['#alerts', 'x'.repeat(80)]],
  ['digest_time', ['00:00', '23:59']],
  ['timezone', ['UTC', 'Europe/Paris', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5']],
  ['custom_settings', ['{}', '{"a": {"b": [1, 2.5, null, 12345678901234567890]}}']],
])('%s takes what the server takes', (name, values) => {
  for (const value of values) {
    expect(faultsOf({ [name]: value }), value).toEqual([])
  }
})

test.each<[FieldName, string[]]>([
  ['email_from_address', ['a', 'a@', '@b.com', 'a@b', 'a b@c.de', 'a@b..com', 'a@-b.com', 'a@b-.com', 'a@1.2.3.4', 'a..b@c.de', '.a@c.de',
    'é@b.com', `${'a'.repeat(65)}@b.com`, 'a@b.com, c@d.com', 'Name <a@b.com>', 'a@b.com ', `a@x${'x'.repeat(63)}.com`]],
  ['email_from_name', ['x'.repeat(101), 'a\tb', 'a\u0085b']],
  ['sms_from_number', ['14155550123', '+04155550123', '+9999999999999999', '+1 415 555', '+', '+1']],
  ['slack_webhook_url', ['http://hooks.slack.com/services/T0001/B0001/abc', 'https://hooks.slack.com/', `${SLACK}?x=1`,
    'https://hooks.slack.com.evil.com/services/T0001/B0001/abc', 'https://hooks.slack.com:8443/services/T0001/B0001/abc']],
  ['slack_channel', ['x'.repeat(81)]],
  ['digest_time', ['24:00', '9:00', '09:60', '']],
  ['timezone', ['Mars/Phobos', '', 'europe/paris', '+05']],
  ['custom_settings', ['', '[]', '5', '{', `{"big": "${'x'.repeat(66000)}"}`]],
])('%s refuses what the server refuses', (name, values) => {
  for (const value of values) {
    expect(faultsOf({ [name]: value }), value).toEqual([name])
  }
})

test.each<[string, Partial<Form>, FieldName[]]>([
  ['quiet hours without an end', { quiet_hours_start: '22:00' }, ['quiet_hours_end']],
  ['quiet hours without a start', { quiet_hours_end: '07:00' }, ['quiet_hours_start']],
  ['quiet hours of no length', { quiet_hours_start: '07:00', quiet_hours_end: '07:00' }, ['quiet_hours_end']],
  ['quiet hours overnight', { quiet_hours_start: '22:00', quiet_hours_end: '07:00' }, []],
  ['text messages by Twilio without a number', { sms_enabled: true }, ['sms_from_number']],
  ['text messages by SNS without a number', { sms_enabled: true, sms_provider: 'sns' }, []],
  ['Slack without its address', { slack_enabled: true }, ['slack_webhook_url']],
  ['Slack with the address kept', { slack_enabled: true, slack_webhook_url: MASK }, []],
])('%s', (_, changes, faults) => {
  expect(faultsOf(changes)).toEqual(faults)
})
