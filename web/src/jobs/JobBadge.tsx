import { Fragment } from 'react'
import type { Job } from '../services/api'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { useNow } from '../ui/clock'
import { lookOf } from './rules'

export function JobBadge({ job, gone = false }: { job: Job; gone?: boolean }) {
  const look = lookOf(job, useNow())
  if (gone) {
    return <Badge icon="chevron">{strings.jobs.gone}</Badge>
  }
  return (
    <Badge tone={look.tone} icon={look.icon}>
      {look.text}
    </Badge>
  )
}

const PRIORITIES: Record<number, string> = {
  1: strings.jobs.priority.high,
  0: strings.jobs.priority.normal,
  [-1]: strings.jobs.priority.low,
}

export const priorityText = (priority: number): string => PRIORITIES[priority] ?? String(priority)

/* High and low stand out by a mark as well as by the word; normal is quiet. */
export function Priority({ value }: { value: number }) {
  const mark = value > 0 ? '▲ ' : value < 0 ? '▽ ' : ''
  return (
    <span className={value === 0 ? 'faint' : undefined}>
      <span aria-hidden="true">{mark}</span>
      {priorityText(value)}
    </span>
  )
}

export function Progress({ job }: { job: Job }) {
  if (job.progress === null || job.status === 'completed') {
    return null
  }
  return (
    <span className="progress">
      <progress max={100} value={job.progress} aria-label={strings.jobs.drawer.progress} />
      <span className="numeric">{job.progress} %</span>
    </span>
  )
}

/* A narrow column breaks it behind a dot rather than within a word. */
export function TypeName({ name }: { name: string }) {
  return name.split('.').map((part, i) => (
    <Fragment key={i}>
      {i > 0 && (
        <>
          .<wbr />
        </>
      )}
      {part}
    </Fragment>
  ))
}
