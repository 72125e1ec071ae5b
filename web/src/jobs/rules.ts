/* What a job's row means, in words. Pure: the time is an argument. */
import type { IconName } from '../ui/Icon'
import type { Tone } from '../ui/Badge'
import { formatJson, type AuditEntry, type Job, type JobAttempt, type JobDetail, type Limit, type Pause } from '../services/api'
import { strings } from '../strings'

const words = strings.jobs

export interface Look {
  text: string
  tone: Tone
  icon: IconName
}

export const isEnded = (job: Job): boolean =>
  job.status === 'completed' || job.status === 'failed' || job.status === 'cancelled'

export const isDeadLetter = (job: Job): boolean => job.status === 'failed' && job.discarded_at === null

export const canCancel = (job: Job): boolean => !isEnded(job) && job.cancel_requested_at === null

export const canRetry = (job: Job): boolean => job.status === 'failed' || job.status === 'cancelled'

const isAfter = (time: string | null, nowMs: number): boolean => time !== null && Date.parse(time) > nowMs

/* A job's status as people name it: a queued one says what it waits for. */
export function lookOf(job: Job, nowMs: number): Look {
  switch (job.status) {
    case 'completed':
      return { text: words.status.completed, tone: 'good', icon: 'check' }
    case 'failed':
      return { text: words.status.failed, tone: 'bad', icon: 'cross' }
    case 'cancelled':
      return { text: words.status.cancelled, tone: 'neutral', icon: 'stop' }
    case 'processing':
      return job.cancel_requested_at !== null
        ? { text: words.status.cancelling, tone: 'warn', icon: 'running' }
        : { text: words.status.processing, tone: 'info', icon: 'running' }
    default:
      return lookOfQueued(job, nowMs)
  }
}

function lookOfQueued(job: Job, nowMs: number): Look {
  if (job.held === 'paused') {
    return { text: words.status.paused, tone: 'warn', icon: 'pause' }
  }
  if (job.held === 'limit') {
    return { text: words.status.limited, tone: 'warn', icon: 'waiting' }
  }
  if (isAfter(job.next_retry_at, nowMs)) {
    return { text: words.status.retrying, tone: 'warn', icon: 'retry' }
  }
  if (isAfter(job.scheduled_at, nowMs)) {
    return { text: words.status.scheduled, tone: 'neutral', icon: 'schedules' }
  }
  return { text: words.status.queued, tone: 'neutral', icon: 'waiting' }
}

/* From the start of its last attempt to its end, or to now; null: it has not begun. */
export function span(job: Job): { from: string; to: string | null } | null {
  if (job.started_at === null || (job.status === 'queued' && job.attempt > 0)) {
    return null
  }
  return { from: job.started_at, to: job.completed_at }
}

export interface Situation {
  pauses: readonly Pause[]
  limits: readonly Limit[]
  /* Jobs of the organization that run now; null: not known. */
  running: number | null
  nowMs: number
}

export type Reason =
  | { kind: 'paused'; pause: Pause | null }
  | { kind: 'limit'; limit: Limit | null }
  | { kind: 'scheduled'; at: string }
  | { kind: 'retry'; at: string; error: string | null }
  | { kind: 'cancelling'; at: string }
  | { kind: 'lost'; at: string }
  | { kind: 'idle'; seconds: number }

/* A queued job that waits for longer than this while nothing runs finds no worker. */
const IDLE_S = 15
/* The relay rescues a job some moments after its lease has ended. */
const LOST_S = 5

const concerns = (gate: { job_type: string | null }, job: Job): boolean =>
  gate.job_type === null || gate.job_type === job.job_type

const isFull = (limit: Limit): boolean => limit.max_running !== null && limit.running >= limit.max_running

/* Why a job does not go on; null: it does, or it has ended, or it has waited too briefly to ask. */
export function whyNotMoving(job: Job, { pauses, limits, running, nowMs }: Situation): Reason | null {
  if (job.status === 'processing') {
    if (job.cancel_requested_at !== null) {
      return { kind: 'cancelling', at: job.cancel_requested_at }
    }
    const lost = job.dispatch_at !== null && Date.parse(job.dispatch_at) + LOST_S * 1000 < nowMs
    return lost && job.dispatch_at !== null ? { kind: 'lost', at: job.dispatch_at } : null
  }
  if (job.status !== 'queued') {
    return null
  }
  if (job.held === 'paused') {
    return { kind: 'paused', pause: pauses.find((pause) => concerns(pause, job)) ?? null }
  }
  if (job.held === 'limit') {
    const mine = limits.filter((limit) => concerns(limit, job))
    return {
      kind: 'limit',
      limit: mine.find(isFull) ?? mine.find((limit) => limit.max_per_minute !== null) ?? mine[0] ?? null,
    }
  }
  if (isAfter(job.next_retry_at, nowMs)) {
    return { kind: 'retry', at: job.next_retry_at ?? '', error: job.error_message }
  }
  if (isAfter(job.scheduled_at, nowMs)) {
    return { kind: 'scheduled', at: job.scheduled_at ?? '' }
  }
  const due = Math.max(
    ...[job.created_at, job.scheduled_at, job.next_retry_at].map((time) => (time ? Date.parse(time) : 0)),
  )
  const seconds = Math.floor((nowMs - due) / 1000)
  return running === 0 && seconds > IDLE_S ? { kind: 'idle', seconds } : null
}

export interface Step {
  key: string
  title: string
  at: string
  /* How long it lasted; null: a moment, or it goes on. */
  lastedMs: number | null
  tone: Tone
  icon: IconName
  note: string | null
}

const OUTCOMES: Record<JobAttempt['outcome'], { tone: Tone; icon: IconName }> = {
  completed: { tone: 'good', icon: 'check' },
  failed: { tone: 'bad', icon: 'cross' },
  timeout: { tone: 'bad', icon: 'schedules' },
  cancelled: { tone: 'neutral', icon: 'stop' },
  released: { tone: 'neutral', icon: 'waiting' },
  snoozed: { tone: 'neutral', icon: 'schedules' },
  lost: { tone: 'bad', icon: 'alert' },
}

const between = (from: string, to: string): number => Math.max(0, Date.parse(to) - Date.parse(from))

/* What happened to a job, in its order: made, waited for its time, each attempt, and its end or where it is now. */
export function timeline(job: JobDetail, nowMs: number): Step[] {
  const steps: Step[] = [made(job)]
  if (job.scheduled_at !== null) {
    const title = isAfter(job.scheduled_at, nowMs) ? words.timeline.scheduledFor : words.timeline.due
    steps.push({
      key: 'due',
      title,
      at: job.scheduled_at,
      lastedMs: null,
      tone: 'neutral',
      icon: 'schedules',
      note: null,
    })
  }
  steps.push(...job.attempts.map(attemptStep))
  const running = job.status === 'processing' && job.started_at !== null
  if (running && !job.attempts.some((attempt) => attempt.number === job.attempt)) {
    steps.push({
      key: 'now',
      title: words.timeline.running(job.attempt),
      at: job.started_at ?? '',
      lastedMs: null,
      tone: 'info',
      icon: 'running',
      note: job.worker_id,
    })
  }
  return [...steps, ...after(job, nowMs)]
}

function made(job: Job): Step {
  const note = job.created_by === null ? null : words.timeline.by(job.created_by)
  return {
    key: 'made',
    title: words.timeline.created,
    at: job.created_at,
    lastedMs: null,
    tone: 'neutral',
    icon: 'info',
    note,
  }
}

function attemptStep(attempt: JobAttempt): Step {
  return {
    key: `attempt-${attempt.number}`,
    title: words.timeline.attempt(attempt.number, words.outcome[attempt.outcome]),
    at: attempt.started_at,
    lastedMs: between(attempt.started_at, attempt.ended_at),
    ...OUTCOMES[attempt.outcome],
    note: attempt.error,
  }
}

function after(job: Job, nowMs: number): Step[] {
  const step = (key: string, title: string, at: string, tone: Tone, icon: IconName): Step => ({
    key,
    title,
    at,
    lastedMs: null,
    tone,
    icon,
    note: null,
  })
  if (job.status === 'queued' && isAfter(job.next_retry_at, nowMs)) {
    return [step('retry', words.timeline.nextRetry, job.next_retry_at ?? '', 'warn', 'retry')]
  }
  if (job.status === 'processing' && job.cancel_requested_at !== null) {
    return [step('cancelling', words.timeline.cancelling, job.cancel_requested_at, 'warn', 'stop')]
  }
  if (isEnded(job) && job.completed_at !== null) {
    const look = lookOf(job, nowMs)
    const end = { ...step('end', look.text, job.completed_at, look.tone, look.icon) }
    return [{ ...end, note: job.cause === null ? null : words.cause(job.cause) }]
  }
  return []
}

/* Rows that stay where they are while new ones arrive: each in its latest state, and how many are new. */
export function holdRows(
  shown: readonly Job[],
  fresh: readonly Job[],
): { rows: Job[]; added: number; gone: ReadonlySet<string> } {
  const latest = new Map(fresh.map((job) => [job.id, job]))
  const here = new Set(shown.map((job) => job.id))
  return {
    rows: shown.map((job) => latest.get(job.id) ?? job),
    added: fresh.filter((job) => !here.has(job.id)).length,
    gone: new Set([...here].filter((id) => !latest.has(id))),
  }
}

/* For a shell: single quotes, and what is a single quote itself put in between. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/* A command that makes the same job again. The token stays out of it. */
export function curlOf(job: Job, url: string): string {
  const body = {
    job_type: job.job_type,
    payload: job.payload ?? {},
    priority: job.priority,
    max_retries: job.max_retries,
    timeout_s: job.timeout_s,
    ...(job.retry === null ? {} : { retry: job.retry }),
  }
  return [
    `curl -s ${quoted(url)}`,
    `-H "Authorization: Bearer $BELLMAN_TOKEN"`,
    `-H 'Content-Type: application/json'`,
    `-d ${quoted(formatJson(body))}`,
  ].join(' \\\n  ')
}

/* The end of an id tells jobs apart; its beginning is the time. */
export const shortId = (id: string): string => id.slice(-8)

export const isJobId = (text: string): boolean =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text.trim())

/* What somebody did, by an entry of the audit log. */
export function deedText({ action, changes }: AuditEntry): string {
  const status = changes?.['status']
  if (action === 'job.cancel' && typeof status === 'object' && status !== null && 'to' in status && status.to === TOLD) {
    return words.deeds.told
  }
  const changed = changes?.['changed']
  return typeof changed === 'number' ? words.deeds.many(words.deeds.action(action), changed) : words.deeds.action(action)
}

const TOLD = 'cancel requested' // a worker had it: it was cancelled when that had stopped
