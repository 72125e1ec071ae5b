/* A field's value in words. */
import { strings } from '../strings'
import { MASK, type FieldName, type Form } from './fields'

export function show(name: FieldName, value: Form[FieldName]): string {
  if (typeof value === 'boolean') {
    return value ? strings.settings.on : strings.settings.off
  }
  if (name === 'slack_webhook_url' && value !== '') {
    return value === MASK ? strings.settings.slack.stored : strings.settings.slack.set
  }
  return value === '' ? '–' : value
}
