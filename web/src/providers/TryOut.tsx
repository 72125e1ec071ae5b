import { useEffect, useRef, useState } from 'react'
import { isAbort, ValidationError } from '../services/api'
import type { Trial } from '../store/providers'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { failureOf, Stages, type Try } from '../ui/Stages'
import { configPatch } from './account'
import type { AccountForm } from './useAccount'

const words = strings.providers.test

const INPUTS: Record<string, { type: string; autoComplete: string }> = {
  email: { type: 'email', autoComplete: 'email' },
  sms: { type: 'tel', autoComplete: 'tel' },
  slack: { type: 'text', autoComplete: 'off' },
}

/* What the API is asked; config only where something is typed that is not saved. */
export function trialOf(kind: string, { provider, fields, before, form }: AccountForm, to: string): Trial {
  const changes = configPatch(fields, before, form)
  const config = Object.keys(changes).length > 0 ? { config: changes } : {}
  switch (kind) {
    case 'email':
      return { kind, body: { email: to, provider: provider.name, ...config } }
    case 'sms':
      return { kind, body: { phone: to, provider: provider.name, ...config } }
    case 'slack':
      return { kind, body: { ...(to === '' ? {} : { slack_channel: to }), ...config } }
    case 'webhook':
      return { kind, body: config }
    default:
      return { kind: 'login', provider: provider.name, body: config }
  }
}

/* Pointers of the recipient, whichever the call. */
const TO = new Set(['/email', '/phone', '/to', '/slack_channel'])

function useTry(account: AccountForm) {
  const tryProvider = useOrgStore((state) => state.tryProvider)
  const [state, setState] = useState<Try>({ at: 'rest' })
  const [fault, setFault] = useState<string | undefined>()
  const aborter = useRef<AbortController>(null)
  useEffect(() => () => aborter.current?.abort(), [])
  const run = async (kind: string, to: string): Promise<void> => {
    const mine = new AbortController()
    aborter.current = mine
    const began = performance.now()
    setState({ at: 'sending' })
    setFault(undefined)
    try {
      const result = await tryProvider(trialOf(kind, account, to), { signal: mine.signal })
      setState({ at: 'done', result, tookMs: performance.now() - began, what: kind })
    } catch (error) {
      if (isAbort(error)) {
        return
      }
      const at = error instanceof ValidationError ? error.errors : []
      const ofTo = at.find(({ pointer }) => TO.has(pointer))
      account.refuse(at.filter((each) => each !== ofTo))
      setFault(ofTo?.detail)
      setState(at.length > 0 ? { at: 'rest' } : failureOf(error))
    }
  }
  return { state, fault, run, clear: () => setFault(undefined) }
}

export function TryOut({ account }: { account: AccountForm }) {
  const { provider, fields, before, form } = account
  const [to, setTo] = useState('')
  const { state, fault, run, clear } = useTry(account)
  const channel = provider.channel
  const busy = state.at === 'sending'
  const input = INPUTS[channel]
  const unsaved = Object.keys(configPatch(fields, before, form)).length > 0
  const outcome = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (state.at === 'done' || state.at === 'failed') {
      outcome.current?.scrollIntoView({ block: 'nearest' })
    }
  }, [state.at])
  const send = () => void run(channel, to.trim())
  return (
    <section className="drawer-section try-out" aria-labelledby="try-out">
      <h3 id="try-out">{words.title}</h3>
      <div className="try-line">
        {input !== undefined && (
          <TextField
            {...input}
            label={words.to[channel]}
            error={fault}
            {...(words.toHint[channel] === undefined ? {} : { hint: words.toHint[channel] })}
            value={to}
            onChange={(event) => {
              setTo(event.target.value)
              clear()
            }}
            onKeyDown={(event) => {
              if (event.key === 'Enter') {
                event.preventDefault() // it stands in the form of the account, which it must not save
                send()
              }
            }}
          />
        )}
        <div className="buttons">
          <Button icon="send" busy={busy} onClick={send}>
            {words.send[channel]}
          </Button>
          {(channel === 'email' || channel === 'sms') && (
            <Button icon="key" busy={busy} onClick={() => void run('login', '')}>
              {words.login}
            </Button>
          )}
        </div>
      </div>
      <p className="field-hint">{unsaved ? words.unsaved : words.saved}</p>
      <div ref={outcome}>
        <Stages state={state} />
      </div>
    </section>
  )
}
