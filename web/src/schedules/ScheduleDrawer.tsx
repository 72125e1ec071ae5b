import { useState } from 'react'
import { useAct } from '../data/act'
import { explain } from '../data/explain'
import { Facts } from '../data/Facts'
import { travel } from '../data/params'
import { Section } from '../data/Section'
import type { ScheduleDetail } from '../services/api'
import { formatHash } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Confirm, Drawer } from '../ui/Dialog'
import { Icon } from '../ui/Icon'
import { Json } from '../ui/Json'
import { ErrorState, Skeleton } from '../ui/States'
import { Time } from '../ui/Time'
import { showToast } from '../ui/Toast'
import { Priority } from '../jobs/JobBadge'
import { FiringList } from './FiringList'
import { ScheduleBadge } from './ScheduleBadge'
import { ScheduleEditor } from './ScheduleEditor'

const words = strings.schedules
const form = strings.scheduleForm

function Firings({ schedule }: { schedule: ScheduleDetail }) {
  if (schedule.next_firings.length === 0) {
    return <p className="faint">{schedule.paused_at === null ? words.nextNever : words.nextNone}</p>
  }
  return <FiringList firings={schedule.next_firings} />
}

function Body({ schedule }: { schedule: ScheduleDetail }) {
  const lastJob =
    schedule.last_job_id === null ? null : (
      <a href={formatHash('jobs', { job: schedule.last_job_id })}>{words.showJob}</a>
    )
  return (
    <>
      <div className="drawer-status">
        <ScheduleBadge schedule={schedule} />
        <code>{schedule.cron}</code>
        <span className="faint">{schedule.timezone}</span>
      </div>
      {schedule.last_error !== null && (
        <div className="note note-bad">
          <Icon name="alert" />
          <div>
            <strong>{words.lastError}</strong>
            <p>{schedule.last_error}</p>
          </div>
        </div>
      )}
      <Section title={`${words.next} (${schedule.timezone})`}>
        <Firings schedule={schedule} />
      </Section>
      <Section title={words.payload}>
        <Json value={schedule.payload} label={words.payload} />
      </Section>
      <Section title={words.facts}>
        <Facts
          facts={[
            [words.columns.type, schedule.job_type],
            [strings.jobs.columns.priority, <Priority key="priority" value={schedule.priority} />],
            [words.misfire, words.misfires[schedule.misfire]],
            [
              words.columns.last,
              schedule.last_fire_at === null ? null : <Time key="last" value={schedule.last_fire_at} />,
            ],
            [words.lastJob, lastJob],
            [words.pausedSince, schedule.paused_at === null ? null : <Time key="paused" value={schedule.paused_at} />],
            [strings.jobs.drawer.createdBy, schedule.created_by],
          ]}
        />
      </Section>
    </>
  )
}

function Delete({ schedule, onClose }: { schedule: ScheduleDetail; onClose: () => void }) {
  const remove = useOrgStore((state) => state.deleteSchedule)
  const { busy, act } = useAct()
  const run = async () => {
    if (await act(() => remove(schedule.id), () => form.removed)) {
      travel({ schedule: null, edit: null })
    }
  }
  return (
    <Confirm
      open
      danger
      title={form.removeTitle(schedule.name)}
      action={form.removeAction}
      busy={busy}
      onClose={onClose}
      onConfirm={() => void run()}
    >
      <p>{form.removeText}</p>
    </Confirm>
  )
}

function Actions({ schedule }: { schedule: ScheduleDetail }) {
  const pause = useOrgStore((state) => state.pauseSchedule)
  const resume = useOrgStore((state) => state.resumeSchedule)
  const run = useOrgStore((state) => state.runSchedule)
  const toggling = useAct()
  const running = useAct()
  const [deleting, setDeleting] = useState(false)
  const paused = schedule.paused_at !== null
  return (
    <>
      <span className="spread">
        <Button variant="danger" icon="trash" onClick={() => setDeleting(true)}>
          {form.remove}
        </Button>
      </span>
      <Button icon="edit" onClick={() => travel({ edit: '1' })}>
        {form.edit}
      </Button>
      <Button
        icon={paused ? 'play' : 'pause'}
        busy={toggling.busy}
        onClick={() =>
          void toggling.act(
            () => (paused ? resume : pause)(schedule.id),
            () => (paused ? words.resumedToast : words.pausedToast),
          )
        }
      >
        {paused ? words.resume : words.pause}
      </Button>
      <Button
        variant="primary"
        icon="play"
        busy={running.busy}
        onClick={() =>
          void running.act(
            () => run(schedule.id),
            (job) => {
              const show = () => (location.hash = formatHash('jobs', { job: job.id }))
              showToast('good', words.ran, { label: words.showJob, run: show })
              return null
            },
          )
        }
      >
        {words.runNow}
      </Button>
      {deleting && <Delete schedule={schedule} onClose={() => setDeleting(false)} />}
    </>
  )
}

function Watch() {
  useWatch('schedule')
  return null
}

function Content({ editing }: { editing: boolean }) {
  const { data: schedule, error } = useOrgStore((state) => state.schedules.open)
  const refresh = useOrgStore((state) => state.refresh)
  if (schedule !== null) {
    return editing ? <ScheduleEditor key={schedule.id} current={schedule} /> : <Body schedule={schedule} />
  }
  return error === null ? <Skeleton rows={5} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
}

function titleOf(schedule: ScheduleDetail | null, making: boolean, editing: boolean): string {
  if (making) {
    return form.add
  }
  return schedule === null ? words.title : editing ? form.editTitle(schedule.name) : schedule.name
}

/* making: a new one; editing: the one that is open. */
interface DrawerProps {
  open: boolean
  making: boolean
  editing: boolean
  onClose: () => void
}

export function ScheduleDrawer({ open, making, editing, onClose }: DrawerProps) {
  const openId = useOrgStore((state) => state.schedules.openId)
  const schedule = useOrgStore((state) => state.schedules.open.data)
  return (
    <Drawer
      open={open}
      title={titleOf(schedule, making, editing)}
      onClose={onClose}
      footer={schedule === null || making || editing ? undefined : <Actions schedule={schedule} />}
    >
      {openId !== null && <Watch />}
      {making ? <ScheduleEditor key="new" current={null} /> : <Content editing={editing} />}
    </Drawer>
  )
}
