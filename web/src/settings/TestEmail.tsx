import { useEffect, useRef, useState } from 'react'
import { isAbort, RateLimitedError, UnauthorizedError, ValidationError } from '../services/api'
import type { TestEmailResult } from '../services/types'
import { formatHash } from '../shell/route'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { formatDuration } from '../ui/format'
import { Icon, type IconName } from '../ui/Icon'
import { errorText } from '../ui/States'
import type { Part } from './inputs'
import { isEmail } from './validate'

const text = strings.settings.test

type State =
  | { at: 'rest' }
  | { at: 'sending' }
  | { at: 'done'; result: TestEmailResult; tookMs: number }
  | { at: 'failed'; why: string }

function explain(error: unknown): string {
  if (error instanceof RateLimitedError) {
    return text.limited(error.retryAfterS ?? 60)
  }
  if (error instanceof ValidationError) {
    return error.errors[0]?.detail ?? error.message
  }
  return errorText(error)
}

export function TestEmail({ settings }: Part) {
  const test = useOrgStore((state) => state.testEmailNotification)
  const [to, setTo] = useState('')
  const [tried, setTried] = useState(false)
  const [state, setState] = useState<State>({ at: 'rest' })
  const aborter = useRef<AbortController>(null)
  useEffect(() => () => aborter.current?.abort(), [])

  const send = async () => {
    setTried(true)
    if (!isEmail(to)) {
      return
    }
    const mine = new AbortController()
    aborter.current = mine
    const began = performance.now()
    setState({ at: 'sending' })
    try {
      const result = await test(to, { signal: mine.signal })
      setState({ at: 'done', result, tookMs: performance.now() - began })
    } catch (error) {
      if (!isAbort(error)) {
        setState(error instanceof UnauthorizedError ? { at: 'rest' } : { at: 'failed', why: explain(error) })
      }
    }
  }

  return (
    <section className="card card-pad test" aria-labelledby="test-mail">
      <h2 id="test-mail">{text.title}</h2>
      <div className="test-line">
        <TextField
          label={text.label}
          error={tried && !isEmail(to) ? strings.settings.faults.email : undefined}
          type="email"
          autoComplete="email"
          value={to}
          onChange={(event) => setTo(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') {
              event.preventDefault() // it stands in the form of the settings, which it must not save
              void send()
            }
          }}
        />
        <Button icon="send" busy={state.at === 'sending'} onClick={() => void send()}>
          {text.action}
        </Button>
      </div>
      <p className="field-hint" id="test-hint">
        {Object.keys(settings.edits).length > 0 ? text.unsaved : text.hint}
      </p>
      <div role="status">
        <Outcome state={state} />
      </div>
    </section>
  )
}

function Stage({ icon, tone, children }: { icon: IconName; tone: string; children: React.ReactNode }) {
  return (
    <li className={`stage stage-${tone}`}>
      <Icon name={icon} spin={icon === 'running'} />
      <span>{children}</span>
    </li>
  )
}

function Outcome({ state }: { state: State }) {
  if (state.at === 'rest') {
    return null
  }
  if (state.at === 'failed') {
    return (
      <p className="note note-bad">
        <Icon name="alert" />
        {state.why}
      </p>
    )
  }
  if (state.at === 'sending') {
    return (
      <ol className="stages">
        <Stage icon="running" tone="info">
          {text.sending}
        </Stage>
      </ol>
    )
  }
  const { success, job_id: job, message, error } = state.result
  return (
    <ol className="stages">
      <Stage icon="check" tone="good">
        {text.stages[0]}: <a href={formatHash('jobs', { job })}>{text.job}</a>
      </Stage>
      <Stage icon={success ? 'check' : 'cross'} tone={success ? 'good' : 'bad'}>
        {success ? text.ok : text.failed} {text.took(formatDuration(state.tookMs))}
      </Stage>
      <Stage icon="info" tone="info">
        {text.stages[2]}: <q>{(success ? message : error) ?? ''}</q>
      </Stage>
    </ol>
  )
}
