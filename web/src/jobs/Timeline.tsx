import type { JobDetail } from '../services/api'
import { strings } from '../strings'
import { useNow } from '../ui/clock'
import { formatAbsolute, formatDuration } from '../ui/format'
import { Icon } from '../ui/Icon'
import { Time } from '../ui/Time'
import { timeline, type Step } from './rules'

const words = strings.jobs.timeline

/* How long it stood still between two steps; shorter pauses are of no interest. */
const GAP_MS = 1000

function gap(step: Step, before: Step | undefined): string | null {
  if (before === undefined) {
    return null
  }
  const ms = Date.parse(step.at) - Date.parse(before.at) - (before.lastedMs ?? 0)
  return ms < GAP_MS ? null : words.waited(formatDuration(ms))
}

export function Timeline({ job }: { job: JobDetail }) {
  const steps = timeline(job, useNow())
  return (
    <ol className="timeline">
      {steps.map((step, i) => (
        <li key={step.key} className={`step step-${step.tone}`}>
          <span className="step-mark">
            <Icon name={step.icon} />
          </span>
          <div className="step-text">
            <span className="step-title">{step.title}</span>{' '}
            <span className="faint">
              <Time value={step.at} />
              {step.lastedMs !== null && `, ${words.lasted(formatDuration(step.lastedMs))}`}
              {gap(step, steps[i - 1]) !== null && `, ${gap(step, steps[i - 1])}`}
            </span>
            {step.note !== null && <p className="step-note">{step.note}</p>}
            <span className="unseen">{formatAbsolute(Date.parse(step.at))}</span>
          </div>
        </li>
      ))}
    </ol>
  )
}
