import { useState, type ReactNode } from 'react'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { Button } from '../ui/Button'
import { Field } from '../ui/Field'
import { Icon, type IconName } from '../ui/Icon'
import { MASK } from './fields'
import { ChoiceSetting, SwitchSetting, TextSetting, type Part } from './inputs'

const say = strings.settings

function Channel({ title, icon, children }: { title: string; icon: IconName; children: ReactNode }) {
  return (
    <section className="card channel" aria-label={title}>
      <h3 className="channel-head">
        <Icon name={icon} />
        {title}
      </h3>
      {children}
    </section>
  )
}

export function EmailChannel({ settings }: Part) {
  const text = say.email
  return (
    <Channel title={text.title} icon="deliveries">
      <SwitchSetting settings={settings} name="email_enabled" label={text.enabled} />
      <ChoiceSetting settings={settings} name="email_provider" label={say.provider} choices={text.providers} />
      <TextSetting
        settings={settings}
        name="email_from_address"
        label={text.address}
        hint={text.addressHint}
        type="email"
        autoComplete="off"
        spellCheck={false}
      />
      <TextSetting settings={settings} name="email_from_name" label={text.name} hint={text.nameHint} autoComplete="off" />
    </Channel>
  )
}

export function SmsChannel({ settings }: Part) {
  const text = say.sms
  return (
    <Channel title={text.title} icon="sms">
      <SwitchSetting settings={settings} name="sms_enabled" label={text.enabled} />
      <ChoiceSetting settings={settings} name="sms_provider" label={say.provider} choices={text.providers} />
      <TextSetting
        settings={settings}
        name="sms_from_number"
        label={text.number}
        hint={text.numberHint}
        type="tel"
        autoComplete="off"
      />
    </Channel>
  )
}

export function SlackChannel({ settings }: Part) {
  const text = say.slack
  return (
    <Channel title={text.title} icon="slack">
      <SwitchSetting settings={settings} name="slack_enabled" label={text.enabled} />
      <SlackUrl settings={settings} />
      <TextSetting settings={settings} name="slack_channel" label={text.channel} hint={text.channelHint} autoComplete="off" />
    </Channel>
  )
}

/* A secret is never shown: it is kept, replaced or removed. */
function SlackUrl({ settings }: Part) {
  const text = say.slack
  const [replacing, setReplacing] = useState(false)
  const stored = settings.base.slack_webhook_url !== null
  const value = settings.form.slack_webhook_url
  const set = (url: string) => settings.set('slack_webhook_url', url)
  const keep = () => {
    setReplacing(false)
    set(MASK)
  }
  const error = settings.faults.slack_webhook_url
  const changed = 'slack_webhook_url' in settings.edits
  const typing = !stored || replacing || (changed && value !== '')
  return (
    <Field label={text.url} hint={typing ? text.urlHint : undefined} error={error} changed={changed}>
      {(wiring) =>
        typing ? (
          <>
            <input
              {...wiring}
              className="input"
              name="slack_webhook_url"
              type="text"
              inputMode="url"
              autoComplete="off"
              spellCheck={false}
              autoFocus={replacing}
              value={value === MASK ? '' : value}
              onChange={(event) => set(event.target.value === '' && stored ? MASK : event.target.value)}
            />
            {stored && (
              <Button size="small" className="secret-keep" onClick={keep}>
                {text.keep}
              </Button>
            )}
          </>
        ) : (
          <div className="secret" id={wiring.id} role="group" aria-label={text.url}>
            <Badge tone={value === MASK ? 'good' : 'warn'} icon={value === MASK ? 'lock' : 'trash'}>
              {value === MASK ? text.stored : text.willRemove}
            </Badge>
            {value === MASK ? (
              <div className="buttons">
                <Button size="small" onClick={() => setReplacing(true)}>
                  {text.replace}
                </Button>
                <Button size="small" variant="danger" onClick={() => set('')}>
                  {text.remove}
                </Button>
              </div>
            ) : (
              <Button size="small" onClick={keep}>
                {text.keep}
              </Button>
            )}
          </div>
        )
      }
    </Field>
  )
}
