import type { ReactNode } from 'react'
import type { Job } from '../services/api'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { useNow } from '../ui/clock'
import { formatDuration } from '../ui/format'
import { Icon } from '../ui/Icon'
import { Time } from '../ui/Time'
import { Resume } from './Pauses'
import { whyNotMoving, type Reason } from './rules'

const words = strings.jobs.why

function text(reason: Reason): ReactNode {
  switch (reason.kind) {
    case 'paused':
      return pausedText(reason.pause)
    case 'limit':
      return limitText(reason.limit)
    case 'idle':
      return words.idle(formatDuration(reason.seconds * 1000))
    case 'retry':
      return (
        <>
          {words.retry} <Time value={reason.at} />. {reason.error !== null && words.because(reason.error)}
        </>
      )
    default:
      return (
        <>
          {words[reason.kind]} <Time value={reason.at} />.
        </>
      )
  }
}

function pausedText(pause: Extract<Reason, { kind: 'paused' }>['pause']): string {
  if (pause === null) {
    return `${words.paused}.`
  }
  const what = pause.job_type === null ? words.pausedAll : words.paused
  const who = pause.scope === 'organization' ? strings.jobs.pausedBy(pause.created_by) : strings.jobs.pausedOperator
  return [words.pausedBy(what, who), pause.reason === null ? '' : words.reason(pause.reason)].join(' ')
}

function limitText(limit: Extract<Reason, { kind: 'limit' }>['limit']): string {
  if (limit?.max_running != null && limit.running >= limit.max_running) {
    return `${words.limit} ${words.limitRunning(limit.running, limit.max_running)}`
  }
  return limit?.max_per_minute == null ? words.limit : `${words.limit} ${words.limitRate(limit.max_per_minute)}`
}

/* Shown only when something keeps the job. */
export function Why({ job }: { job: Job }) {
  const pauses = useOrgStore((state) => state.jobs.pauses.data)
  const limits = useOrgStore((state) => state.jobs.limits.data)
  const counts = useOrgStore((state) => state.jobs.counts.data)
  const nowMs = useNow()
  const running = counts?.by_status.processing ?? null
  const reason = whyNotMoving(job, { pauses: pauses ?? [], limits: limits ?? [], running, nowMs })
  if (reason === null) {
    return null
  }
  return (
    <section className="note note-warn" aria-label={words.title}>
      <Icon name="info" />
      <div className="why">
        <strong>{words.title}</strong>
        <p>{text(reason)}</p>
        {reason.kind === 'paused' && reason.pause !== null && <Resume pause={reason.pause} />}
      </div>
    </section>
  )
}
