import { useState } from 'react'
import type { NotificationSettings } from '../services/types'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Confirm } from '../ui/Dialog'
import { Icon } from '../ui/Icon'
import { ErrorState, Skeleton } from '../ui/States'
import { Time } from '../ui/Time'
import { Conflict } from './Conflict'
import { CustomSettings } from './CustomSettings'
import { Digest } from './Digest'
import { EmailChannel, SlackChannel, SmsChannel } from './Channels'
import { EventGrid } from './EventGrid'
import { History } from './History'
import { QuietHours } from './QuietHours'
import { TestEmail } from './TestEmail'
import { useSettingsForm, type SettingsForm } from './useSettingsForm'
import './settings.css'

const say = strings.settings

export default function SystemSettings() {
  useWatch('settings')
  const { data, error } = useOrgStore((state) => state.settings.current)
  const load = useOrgStore((state) => state.loadNotificationSettings)
  return (
    <>
      <div className="view-head">
        <div>
          <h1>{say.title}</h1>
          <p className="faint">{say.lead}</p>
        </div>
        {data !== null && <LastChange settings={data} />}
      </div>
      {data !== null && <Form current={data} />}
      {data === null && error !== null && <ErrorState error={error} onRetry={() => void load().catch(() => undefined)} />}
      {data === null && error === null && <Skeleton rows={8} />}
    </>
  )
}

function LastChange({ settings }: { settings: NotificationSettings }) {
  if (settings.updated_by === null) {
    return <p className="faint">{say.neverChanged}</p>
  }
  return (
    <p className="faint">
      {say.lastChanged} <Time value={settings.updated_at} /> {say.by(settings.updated_by)}
    </p>
  )
}

function Form({ current }: { current: NotificationSettings }) {
  const settings = useSettingsForm(current)
  return (
    <form
      className="settings"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        void settings.save()
      }}
    >
      {settings.overtaken && !settings.conflict && (
        <div className="note note-warn" role="status">
          <Icon name="alert" />
          <span>{say.conflict.note}</span>
          <Button size="small" onClick={() => settings.setConflict(true)}>
            {say.conflict.review}
          </Button>
        </div>
      )}
      <section aria-labelledby="channels">
        <h2 id="channels" className="unseen">
          {say.channels}
        </h2>
        <div className="settings-channels">
          <EmailChannel settings={settings} />
          <SmsChannel settings={settings} />
          <SlackChannel settings={settings} />
        </div>
      </section>
      <TestEmail settings={settings} />
      <EventGrid settings={settings} />
      <QuietHours settings={settings} />
      <Digest settings={settings} />
      <CustomSettings settings={settings} />
      <History settings={settings} />
      <SaveBar settings={settings} />
      <Conflict settings={settings} theirs={current} />
    </form>
  )
}

function SaveBar({ settings }: { settings: SettingsForm }) {
  const [asking, setAsking] = useState(false)
  const changes = Object.keys(settings.edits).length
  const faults = Object.keys(settings.faults).length
  if (changes === 0) {
    return null
  }
  return (
    <div className="save-bar" role="region" aria-label={say.unsaved(changes)}>
      <p role="status">
        <strong>{say.unsaved(changes)}</strong>
        {faults > 0 && <span className="save-faults"> {say.fix(faults)}</span>}
      </p>
      <div className="buttons">
        <Button onClick={() => setAsking(true)}>{say.discard}</Button>
        <Button variant="primary" type="submit" busy={settings.saving}>
          {say.save}
        </Button>
      </div>
      <Confirm
        open={asking}
        danger
        title={say.discardAsk}
        action={say.discard}
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false)
          settings.discard()
        }}
      >
        <p>{say.discardText}</p>
      </Confirm>
    </div>
  )
}
