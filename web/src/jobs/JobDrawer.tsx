import { useAct } from '../data/act'
import { explain } from '../data/explain'
import { Facts } from '../data/Facts'
import { Section } from '../data/Section'
import { NotFoundError, urlOf, type JobDetail } from '../services/api'
import { formatHash } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import type { JobLog } from '../store/jobs'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Drawer } from '../ui/Dialog'
import { formatAbsolute, formatDuration } from '../ui/format'
import { CopyButton, Json } from '../ui/Json'
import { ErrorState, Skeleton } from '../ui/States'
import { Deeds } from './Deeds'
import { JobBadge, Priority, Progress } from './JobBadge'
import { canCancel, canRetry, curlOf, isDeadLetter, isEnded } from './rules'
import { Timeline } from './Timeline'
import { Why } from './Why'

const words = strings.jobs.drawer

function JobFacts({ job }: { job: JobDetail }) {
  const schedule =
    job.schedule_id === null ? null : (
      <a href={formatHash('schedules', { schedule: job.schedule_id })}>{words.showSchedule}</a>
    )
  return (
    <Facts
      facts={[
        [words.id, <code key="id">{job.id}</code>],
        [words.priority, <Priority key="priority" value={job.priority} />],
        [words.retries, strings.jobs.attempts(job.retry_count, job.max_retries)],
        [words.timeout, formatDuration(job.timeout_s * 1000)],
        [words.createdBy, job.created_by],
        [words.worker, job.worker_id === null ? null : <code key="worker">{job.worker_id}</code>],
        [words.uniqueKey, job.unique_key],
        [words.schedule, schedule],
        [words.trace, job.traceparent === null ? null : <code key="trace">{job.traceparent}</code>],
        [words.crashes, job.crash_count || null],
        [words.snoozes, job.snooze_count || null],
        [words.discarded, job.discarded_at === null ? null : formatAbsolute(Date.parse(job.discarded_at))],
      ]}
    />
  )
}

function Log({ log }: { log: JobLog | null }) {
  if (log === null || log.lines.length === 0) {
    return <p className="faint">{words.noLog}</p>
  }
  return (
    <ol className="log" tabIndex={0} aria-label={words.log}>
      {log.lines.map((line) => (
        <li key={`${line.attempt}.${line.number}`} className={`log-${line.level}`}>
          <time
            dateTime={line.logged_at}
            title={`${formatAbsolute(Date.parse(line.logged_at))}, ${words.logLine(line.attempt)}`}
          >
            {line.logged_at.slice(11, 23)}
          </time>
          <span className="log-level">{line.level}</span>
          <span className="log-text">{line.message}</span>
        </li>
      ))}
    </ol>
  )
}

function Body({ job }: { job: JobDetail }) {
  const log = useOrgStore((state) => state.jobs.log.data)
  return (
    <>
      <div className="drawer-status">
        <JobBadge job={job} />
        <Progress job={job} />
        {job.progress_message !== null && <span className="faint">{job.progress_message}</span>}
      </div>
      <Why job={job} />
      {job.error_message !== null && job.status !== 'completed' && (
        <Section title={words.error}>
          <pre className="error-text" tabIndex={0}>
            {job.error_message}
          </pre>
        </Section>
      )}
      <Section title={strings.jobs.timeline.title}>
        <Timeline job={job} />
      </Section>
      <Deeds />
      <Section title={words.payload}>
        {job.payload === null || Object.keys(job.payload).length === 0 ? (
          <p className="faint">{words.noPayload}</p>
        ) : (
          <Json value={job.payload} label={words.payload} />
        )}
      </Section>
      {job.result !== null && (
        <Section title={words.result}>
          <Json value={job.result} label={words.result} />
        </Section>
      )}
      <Section title={words.log}>
        <Log log={log} />
      </Section>
      <Section title={words.facts}>
        <JobFacts job={job} />
      </Section>
    </>
  )
}

function CancelButton({ job }: { job: JobDetail }) {
  const cancel = useOrgStore((state) => state.cancelBackgroundJob)
  const { busy, act } = useAct()
  const told = !isEnded(job) && job.cancel_requested_at !== null
  if (isEnded(job)) {
    return null
  }
  return (
    <Button
      variant="danger"
      icon="stop"
      busy={busy || told}
      reason={canCancel(job) || told ? undefined : strings.jobs.tooLate}
      onClick={() =>
        void act(
          () => cancel(job.id),
          (now) => (now.status === 'cancelled' ? strings.jobs.cancelled : strings.jobs.told),
        )
      }
    >
      {told ? strings.jobs.cancelling : strings.jobs.cancel}
    </Button>
  )
}

function Actions({ job }: { job: JobDetail }) {
  const retry = useOrgStore((state) => state.retryBackgroundJob)
  const discard = useOrgStore((state) => state.discardDeadLetter)
  const { busy, act } = useAct()
  const url = new URL(urlOf('/background-jobs'), location.href).href
  return (
    <>
      <span className="spread">
        <CopyButton text={() => curlOf(job, url)} label={strings.jobs.curl} />
        <CopyButton text={() => job.id} label={strings.jobs.copyId} />
      </span>
      {isDeadLetter(job) && (
        <Button
          icon="trash"
          busy={busy}
          onClick={() =>
            void act(
              () => discard(job.id),
              () => strings.jobs.discarded,
            )
          }
        >
          {strings.jobs.discard}
        </Button>
      )}
      {canRetry(job) && (
        <Button
          variant="primary"
          icon="retry"
          busy={busy}
          onClick={() =>
            void act(
              () => retry(job.id),
              () => strings.jobs.retried,
            )
          }
        >
          {isDeadLetter(job) ? strings.jobs.replay : strings.jobs.retry}
        </Button>
      )}
      <CancelButton job={job} />
    </>
  )
}

function Watch() {
  useWatch('job')
  return null
}

/* One job from the side, over whatever list it was opened from. */
export function JobDrawer({ onClose }: { onClose: () => void }) {
  const openId = useOrgStore((state) => state.jobs.openId)
  const { data: job, error } = useOrgStore((state) => state.jobs.open)
  const refresh = useOrgStore((state) => state.refresh)
  const missing = error instanceof NotFoundError
  return (
    <Drawer
      open={openId !== null}
      title={job?.job_type ?? strings.jobs.title}
      onClose={onClose}
      footer={job !== null && !missing ? <Actions job={job} /> : undefined}
    >
      {openId !== null && <Watch />}
      {missing || (error !== null && job === null) ? (
        <ErrorState
          title={missing ? words.missing : strings.errors.title}
          error={new Error(explain(error))}
          onRetry={refresh}
        />
      ) : job === null ? (
        <Skeleton rows={6} />
      ) : (
        <Body job={job} />
      )}
    </Drawer>
  )
}
