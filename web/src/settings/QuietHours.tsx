import { useMemo } from 'react'
import { strings } from '../strings'
import { useNow } from '../ui/clock'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { Zones } from '../ui/Zones'
import { SwitchSetting, TextSetting, type Part } from './inputs'
import { DAY_MS, hourTicks, nextDigest, offsetMinutes, quietWindows, shares, type Window } from './quiet'
import { isZone } from './validate'

const text = strings.settings.quiet
const MINUTE_MS = 60_000
const TICK_HOURS = 3

export function clockIn(zone: string, atMs: number, day = false): string {
  const options: Intl.DateTimeFormatOptions = { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
  return new Intl.DateTimeFormat('en-GB', day ? { ...options, weekday: 'short' } : options).format(atMs)
}

export function QuietHours({ settings }: Part) {
  const { form, faults } = settings
  const now = useNow(MINUTE_MS)
  const zoneIsGood = isZone(form.timezone)
  const isSet = form.quiet_hours_start !== '' || form.quiet_hours_end !== ''
  const complete = zoneIsGood && faults.quiet_hours_start === undefined && faults.quiet_hours_end === undefined
  return (
    <section className="card card-pad settings-part" aria-labelledby="quiet">
      <div>
        <h2 id="quiet">{text.title}</h2>
        <p className="faint">{text.lead}</p>
      </div>
      <div className="settings-row">
        <TextSetting settings={settings} name="quiet_hours_start" label={text.start} type="time" />
        <TextSetting settings={settings} name="quiet_hours_end" label={text.end} type="time" />
        <TextSetting
          settings={settings}
          name="timezone"
          label={text.zone}
          hint={zoneIsGood ? text.zoneHint(clockIn(form.timezone, now, true)) : undefined}
          list="zones"
          autoComplete="off"
          spellCheck={false}
        />
        <Zones id="zones" />
      </div>
      {isSet && (
        <div>
          <Button
            size="small"
            onClick={() => {
              settings.set('quiet_hours_start', '')
              settings.set('quiet_hours_end', '')
            }}
          >
            {text.clear}
          </Button>
        </div>
      )}
      <div>
        <SwitchSetting settings={settings} name="dnd_enabled" label={text.dnd} describedBy="dnd-hint" />
        <p id="dnd-hint" className="field-hint">
          {text.dndHint}
        </p>
      </div>
      {complete ? <Picture settings={settings} now={now} /> : <p className="faint">{text.incomplete}</p>}
    </section>
  )
}

function sentence(settings: Part['settings'], windows: readonly Window[], now: number): string {
  const { dnd_enabled: dnd, timezone: zone, quiet_hours_start: start } = settings.form
  const [first] = windows
  if (dnd) {
    return text.dndOn
  }
  if (start === '' || first === undefined) {
    return text.none
  }
  const changes = offsetMinutes(first.startMs, zone) !== offsetMinutes(first.endMs, zone) ? ` ${text.clocks}` : ''
  const end = clockIn(zone, first.endMs)
  const when = first.startMs <= now ? text.under(end, zone) : text.next(clockIn(zone, first.startMs, true), end, zone)
  return when + changes
}

/* A bar from now to the same time tomorrow: what is shaded waits; a mark is where a digest goes out. */
function Picture({ settings, now }: Part & { now: number }) {
  const { form } = settings
  const { quiet_hours_start: start, quiet_hours_end: end, timezone: zone, dnd_enabled: dnd } = form
  const windows = useMemo(
    () => (start === '' || end === '' ? [] : quietWindows(start, end, zone, now)),
    [start, end, zone, now],
  )
  const ticks = useMemo(() => hourTicks(zone, now, TICK_HOURS), [zone, now])
  const quiet = dnd ? [{ from: 0, to: 1 }] : shares(windows, now, now + DAY_MS)
  const digest = form.digest_enabled ? nextDigest(form.digest_frequency, form.digest_time, zone, now) : null
  const digestShown = digest !== null && digest - now < DAY_MS
  const at = (ms: number) => `${(((ms - now) / DAY_MS) * 100).toFixed(2)}%`
  const words = sentence(settings, windows, now)
  return (
    <figure className="day" aria-label={`${text.picture}: ${words}`}>
      <svg className="day-picture" role="img" aria-label={words} width="100%" height="52">
        <rect className="day-open" x="0" y="0" width="100%" height="28" rx="5" />
        {quiet.map(({ from, to }) => (
          <rect key={from} className="day-quiet" x={`${from * 100}%`} y="0" width={`${(to - from) * 100}%`} height="28" rx="5" />
        ))}
        {ticks.map(({ atMs, label }) => (
          <g key={atMs} className={Number(label.slice(0, 2)) % (2 * TICK_HOURS) === 0 ? undefined : 'day-minor'}>
            <line x1={at(atMs)} x2={at(atMs)} y1="28" y2="33" />
            <text x={at(atMs)} y="47" textAnchor={atMs - now < DAY_MS / 40 ? 'start' : atMs - now > DAY_MS * 0.975 ? 'end' : 'middle'}>
              {label}
            </text>
          </g>
        ))}
        {digestShown && <circle className="day-digest" cx={at(digest)} cy="14" r="5" />}
      </svg>
      <figcaption className="hint-line">
        <Icon name="moon" />
        {digestShown ? `${words} ${text.dot}` : words}
      </figcaption>
    </figure>
  )
}
