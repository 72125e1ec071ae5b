import type { ReactNode } from 'react'
import { strings } from '../strings'
import { Icon, type IconName } from '../ui/Icon'
import { Secret } from '../ui/Secret'
import { ChoiceSetting, SwitchSetting, TextSetting, type Part } from './inputs'
import { TestSlack } from './TestSlack'

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
      <TestSlack settings={settings} />
    </Channel>
  )
}

function SlackUrl({ settings }: Part) {
  return (
    <Secret
      label={say.slack.url}
      name="slack_webhook_url"
      type="text"
      hint={say.slack.urlHint}
      error={settings.faults.slack_webhook_url}
      changed={'slack_webhook_url' in settings.edits}
      stored={settings.base.slack_webhook_url !== null}
      value={settings.form.slack_webhook_url}
      onChange={(value) => settings.set('slack_webhook_url', value)}
    />
  )
}
