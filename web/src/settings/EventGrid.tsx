import { Fragment } from 'react'
import { strings } from '../strings'
import { Icon } from '../ui/Icon'
import type { SwitchName } from './fields'
import { SwitchSetting, type Part } from './inputs'

const say = strings.settings
const text = say.events

const CHANNELS = [
  { key: 'email', title: say.email.title, enabled: 'email_enabled' },
  { key: 'sms', title: say.sms.title, enabled: 'sms_enabled' },
  { key: 'slack', title: say.slack.title, enabled: 'slack_enabled' },
] as const

type Channel = (typeof CHANNELS)[number]['key']

const EVENTS: readonly { title: string; switches: Partial<Record<Channel, SwitchName>> }[] = [
  { title: text.employee, switches: { email: 'email_on_employee_created' } },
  { title: text.leaveRequest, switches: { email: 'email_on_leave_request' } },
  { title: text.leaveApproval, switches: { sms: 'sms_on_leave_approval' } },
  { title: text.payroll, switches: { email: 'email_on_payroll', sms: 'sms_on_payroll' } },
  { title: text.alert, switches: { email: 'email_on_alert', sms: 'sms_on_alert' } },
  { title: text.criticalAlert, switches: { slack: 'slack_on_critical_alert' } },
]

export function EventGrid({ settings }: Part) {
  return (
    <section className="card card-pad settings-part" aria-labelledby="events">
      <div>
        <h2 id="events">{text.title}</h2>
        <p className="faint">{text.lead}</p>
      </div>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{text.event}</th>
            {CHANNELS.map(({ key, title, enabled }) => (
              <th key={key} scope="col">
                {title}
                {!settings.form[enabled] && <span className="grid-off">{text.channelOff}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {EVENTS.map(({ title, switches }) => (
            <tr key={title}>
              <th scope="row">{title}</th>
              {CHANNELS.map(({ key, title: channel }) => {
                const name = switches[key]
                return (
                  <td key={key}>
                    {name === undefined ? (
                      <Fragment>
                        <span aria-hidden="true" className="faint">
                          –
                        </span>
                        <span className="unseen">{text.notOffered}</span>
                      </Fragment>
                    ) : (
                      <SwitchSetting settings={settings} name={name} label={text.cell(title, channel)} hideLabel />
                    )}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="hint-line">
        <Icon name="info" />
        {text.critical}
      </p>
    </section>
  )
}
