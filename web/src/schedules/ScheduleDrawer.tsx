import { useAct } from '../data/act'
import { explain } from '../data/explain'
import { Facts } from '../data/Facts'
import { Section } from '../data/Section'
import type { ScheduleDetail } from '../services/api'
import { formatHash } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Drawer } from '../ui/Dialog'
import { Icon } from '../ui/Icon'
import { Json } from '../ui/Json'
import { ErrorState, Skeleton } from '../ui/States'
import { Time } from '../ui/Time'
import { showToast } from '../ui/Toast'
import { Priority } from '../jobs/JobBadge'
import { firingOf } from './firings'
import { ScheduleBadge } from './ScheduleBadge'

const words = strings.schedules

function Firings({ schedule }: { schedule: ScheduleDetail }) {
  if (schedule.next_firings.length === 0) {
    return <p className="faint">{schedule.paused_at === null ? words.nextNever : words.nextNone}</p>
  }
  return (
    <ol className="firings">
      {schedule.next_firings.map((text) => {
        const { local, at } = firingOf(text)
        return (
          <li key={text}>
            <span className="numeric">{local}</span>
            <span className="faint numeric">
              <Time value={at} />
            </span>
          </li>
        )
      })}
    </ol>
  )
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

function Actions({ schedule }: { schedule: ScheduleDetail }) {
  const pause = useOrgStore((state) => state.pauseSchedule)
  const resume = useOrgStore((state) => state.resumeSchedule)
  const run = useOrgStore((state) => state.runSchedule)
  const toggling = useAct()
  const running = useAct()
  const paused = schedule.paused_at !== null
  return (
    <>
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
    </>
  )
}

function Watch() {
  useWatch('schedule')
  return null
}

export function ScheduleDrawer({ onClose }: { onClose: () => void }) {
  const openId = useOrgStore((state) => state.schedules.openId)
  const { data: schedule, error } = useOrgStore((state) => state.schedules.open)
  const refresh = useOrgStore((state) => state.refresh)
  return (
    <Drawer
      open={openId !== null}
      title={schedule?.name ?? words.title}
      onClose={onClose}
      footer={schedule === null ? undefined : <Actions schedule={schedule} />}
    >
      {openId !== null && <Watch />}
      {schedule !== null ? (
        <Body schedule={schedule} />
      ) : error !== null ? (
        <ErrorState error={new Error(explain(error))} onRetry={refresh} />
      ) : (
        <Skeleton rows={5} />
      )}
    </Drawer>
  )
}
