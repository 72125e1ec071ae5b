import { RateLimitedError, UnauthorizedError, ValidationError, type TestEmailResult } from '../services/api'
import { formatHash } from '../shell/route'
import { strings } from '../strings'
import { formatDuration } from './format'
import { Icon, type IconName } from './Icon'
import { errorText } from './States'

const words = strings.stages

/* A try of a provider, from the press of the button to its end. what: as in strings.stages.what, or a login. */
export type Try =
  | { at: 'rest' }
  | { at: 'sending' }
  | { at: 'done'; result: TestEmailResult; tookMs: number; what: string }
  | { at: 'failed'; why: string }

/* What became of a call that ended with an error; null: the page asks for a token, and that is all. */
export function failureOf(error: unknown): Try {
  if (error instanceof UnauthorizedError) {
    return { at: 'rest' }
  }
  if (error instanceof RateLimitedError) {
    return { at: 'failed', why: words.tooMany(error.retryAfterS ?? 60) }
  }
  if (error instanceof ValidationError) {
    return { at: 'failed', why: error.errors[0]?.detail ?? error.message }
  }
  return { at: 'failed', why: errorText(error) }
}

function Stage({ icon, tone, children }: { icon: IconName; tone: string; children: React.ReactNode }) {
  return (
    <li className={`stage stage-${tone}`}>
      <Icon name={icon} spin={icon === 'running'} />
      <span>{children}</span>
    </li>
  )
}

function verdict(result: TestEmailResult, what: string): string {
  if (what === 'login') {
    return result.success ? words.loginOk : words.loginFailed
  }
  const thing = words.what[what] ?? what
  return result.success ? words.ok(thing) : words.failed(thing)
}

/* Each stage with its time, the last one with the provider's own words. */
function Done({ result, tookMs, what }: { result: TestEmailResult; tookMs: number; what: string }) {
  const said = (result.success ? result.message : result.error) ?? ''
  const told = result.stages.some(({ detail }) => detail !== '' && said.includes(detail))
  return (
    <>
      <p className={`stages-verdict stage-${result.success ? 'good' : 'bad'}`}>
        <Icon name={result.success ? 'check' : 'cross'} />
        <span>
          <strong>{verdict(result, what)}</strong> {words.took(formatDuration(tookMs))}
        </span>
      </p>
      <ol className="stages" aria-label={words.title}>
        <Stage icon="check" tone="good">
          {words.queued}: <a href={formatHash('jobs', { job: result.job_id })}>{words.job}</a>
        </Stage>
        {result.stages.map(({ stage, ok, ms, detail }) => (
          <Stage key={stage} icon={ok ? 'check' : 'cross'} tone={ok ? 'good' : 'bad'}>
            {(ok ? words.names : words.fails)[stage] ?? stage}
            {ms !== null && <span className="faint numeric"> {formatDuration(ms)}</span>}
            {detail !== '' && (
              <>
                {': '}
                <q>{detail}</q>
              </>
            )}
          </Stage>
        ))}
        {!told && said !== '' && (
          <Stage icon="info" tone="info">
            <q>{said}</q>
          </Stage>
        )}
      </ol>
    </>
  )
}

/* The region is there before it says something, so that it is heard. */
export function Stages({ state }: { state: Try }) {
  return (
    <div role="status" className="stages-region">
      {state.at === 'sending' && (
        <ol className="stages">
          <Stage icon="running" tone="info">
            {words.sending}
          </Stage>
        </ol>
      )}
      {state.at === 'failed' && (
        <p className="note note-bad">
          <Icon name="alert" />
          {state.why}
        </p>
      )}
      {state.at === 'done' && <Done {...state} />}
    </div>
  )
}
