import { useEffect } from 'react'
import { Section } from '../data/Section'
import { travel } from '../data/params'
import type { JobType, ScheduleDetail } from '../services/api'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { AreaField, SelectField, TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { Zones } from '../ui/Zones'
import { FiringList } from './FiringList'
import { membersOf, type FieldName } from './form'
import { useScheduleForm, type ScheduleForm } from './useScheduleForm'

const words = strings.scheduleForm
const ROWS_MAX = 14

interface InputProps {
  schedule: ScheduleForm
  name: FieldName
  label: string
  hint?: string | undefined
}

const shared = ({ schedule, name, label, hint }: InputProps) => ({
  label,
  name,
  ...(hint === undefined ? {} : { hint }),
  error: schedule.faults[name],
  changed: !schedule.isNew && schedule.form[name] !== schedule.before[name],
  value: schedule.form[name],
  onChange: (event: { target: { value: string } }) => schedule.set(name, event.target.value),
})

function TextInput({ list, ...props }: InputProps & { list?: string }) {
  return <TextField {...shared(props)} list={list} autoComplete="off" spellCheck={false} />
}

const NumberInput = (props: InputProps) => <TextField {...shared(props)} inputMode="numeric" autoComplete="off" />

function ChoiceInput({ choices, ...props }: InputProps & { choices: readonly (readonly [string, string])[] }) {
  return <SelectField {...shared(props)} options={choices.map(([value, label]) => ({ value, label }))} />
}

function When({ schedule }: { schedule: ScheduleForm }) {
  const { form, firings, set } = schedule
  return (
    <>
      <div className="form-row">
        <TextInput schedule={schedule} name="cron" label={words.cron} hint={words.cronHint} />
        <TextInput schedule={schedule} name="timezone" label={words.zone} list="schedule-zones" />
        <Zones id="schedule-zones" />
      </div>
      <div className="presets" role="group" aria-label={words.examples}>
        {words.presets.map(([cron, text]) => (
          <Button key={cron} size="small" aria-pressed={form.cron === cron} onClick={() => set('cron', cron)}>
            {text}
          </Button>
        ))}
      </div>
      <Section title={`${words.preview} (${form.timezone})`}>
        <div role="status">
          {firings === null ? (
            <p className="faint">{words.previewWait}</p>
          ) : firings.length === 0 ? (
            <p className="faint">{words.previewNone}</p>
          ) : (
            <FiringList firings={firings} columns />
          )}
        </div>
      </Section>
    </>
  )
}

function What({ schedule, types }: { schedule: ScheduleForm; types: readonly JobType[] }) {
  const { form } = schedule
  const type = types.find((each) => each.name === form.job_type)
  const known = types.map(({ name }) => [name, name] as const)
  const gone = form.job_type !== '' && type === undefined ? [[form.job_type, form.job_type] as const] : []
  const members = membersOf(type)
  return (
    <>
      <ChoiceInput
        schedule={schedule}
        name="job_type"
        label={words.type}
        hint={type?.help || undefined}
        choices={[...(form.job_type === '' ? [['', words.typeNone] as const] : []), ...known, ...gone]}
      />
      <AreaField
        {...shared({
          schedule,
          name: 'payload',
          label: words.payload,
          hint: members.length === 0 ? words.payloadHint : `${words.payloadHint} ${words.members(members.join(', '))}`,
        })}
        rows={Math.min(ROWS_MAX, form.payload.split('\n').length + 2)}
      />
    </>
  )
}

function Further({ schedule, type }: { schedule: ScheduleForm; type: JobType | undefined }) {
  const { before, faults } = schedule
  const places: readonly FieldName[] = ['max_retries', 'timeout_s', 'curve', 'base_s', 'cap_s', 'jitter_percent']
  const needed = places.some((name) => before[name] !== '' || faults[name] !== undefined)
  const own = (value: number | undefined) => (value === undefined ? undefined : words.typesOwn(String(value)))
  return (
    <details className="further" open={needed || undefined}>
      <summary>{words.further}</summary>
      <div className="form-row">
        <NumberInput schedule={schedule} name="max_retries" label={words.maxRetries} hint={own(type?.max_retries)} />
        <NumberInput schedule={schedule} name="timeout_s" label={words.timeout} hint={own(type?.timeout_s)} />
        <ChoiceInput schedule={schedule} name="curve" label={words.curve} choices={Object.entries(words.curves)} />
        <NumberInput schedule={schedule} name="base_s" label={words.base} />
        <NumberInput schedule={schedule} name="cap_s" label={words.cap} />
        <NumberInput schedule={schedule} name="jitter_percent" label={words.jitter} />
      </div>
    </details>
  )
}

const PRIORITIES = [
  ['1', strings.jobs.priority.high],
  ['0', strings.jobs.priority.normal],
  ['-1', strings.jobs.priority.low],
] as const

/* In the drawer: current is what is changed; null: a new one. */
export function ScheduleEditor({ current }: { current: ScheduleDetail | null }) {
  const types = useOrgStore((state) => state.jobs.types.data)
  const loadTypes = useOrgStore((state) => state.loadJobTypes)
  const schedule = useScheduleForm(current, (saved) => travel({ schedule: saved.id, edit: null }))
  const type = types?.find((each) => each.name === schedule.form.job_type)
  useEffect(() => {
    loadTypes().catch(() => {}) // the form has the type that is set; others are not to be had just now
  }, [loadTypes])
  const leave = () => travel(current === null ? { schedule: null } : { edit: null })
  return (
    <form
      className="form-body"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        void schedule.save()
      }}
    >
      {schedule.stale !== null && (
        <p className="note note-warn" role="status">
          <Icon name="alert" />
          {strings.form.stale(schedule.stale)}
        </p>
      )}
      <TextInput schedule={schedule} name="name" label={words.name} />
      <When schedule={schedule} />
      <What schedule={schedule} types={types ?? []} />
      <div className="form-row">
        <ChoiceInput schedule={schedule} name="priority" label={words.priority} choices={PRIORITIES} />
        <ChoiceInput schedule={schedule} name="misfire" label={words.misfire} choices={Object.entries(words.misfires)} />
        {schedule.form.misfire === 'all' && (
          <NumberInput schedule={schedule} name="misfire_limit" label={words.misfireLimit} />
        )}
      </div>
      <Further schedule={schedule} type={type} />
      <div className="form-foot">
        <Button onClick={leave}>{strings.cancel}</Button>
        <Button variant="primary" type="submit" busy={schedule.saving}>
          {current === null ? words.create : strings.form.save}
        </Button>
      </div>
    </form>
  )
}
