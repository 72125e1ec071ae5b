import { strings } from '../strings'
import { useNow } from '../ui/clock'
import { Icon } from '../ui/Icon'
import { DigestPreview } from './DigestPreview'
import { ChoiceSetting, SwitchSetting, TextSetting, type Part } from './inputs'
import { nextDigest } from './quiet'
import { isZone } from './validate'

const text = strings.settings.digest
const MINUTE_MS = 60_000

function due(form: Part['settings']['form'], now: number): string | null {
  if (!isZone(form.timezone) || !/^\d\d:\d\d$/.test(form.digest_time)) {
    return null
  }
  const at = nextDigest(form.digest_frequency, form.digest_time, form.timezone, now)
  if (at === null) {
    return null
  }
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: form.timezone, weekday: 'long', day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit',
    timeZoneName: 'short',
  })
  return format.format(at)
}

export function Digest({ settings }: Part) {
  const { form } = settings
  const now = useNow(MINUTE_MS)
  const next = form.digest_enabled ? due(form, now) : null
  const hourly = form.digest_frequency === 'hourly'
  return (
    <section className="card card-pad settings-part" aria-labelledby="digest">
      <div>
        <h2 id="digest">{text.title}</h2>
        <p className="faint">{text.lead}</p>
      </div>
      <SwitchSetting settings={settings} name="digest_enabled" label={text.enabled} />
      <div className="settings-row">
        <ChoiceSetting settings={settings} name="digest_frequency" label={text.frequency} choices={text.frequencies} />
        <TextSetting
          settings={settings}
          name="digest_time"
          label={text.time}
          type="time"
          hint={hourly ? text.hourlyHint : text.timeHint(form.timezone)}
        />
      </div>
      <p className="hint-line" role="status">
        <Icon name="schedules" />
        {next === null ? text.off : text.next(next)}
      </p>
      <DigestPreview />
    </section>
  )
}
