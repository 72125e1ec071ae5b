import { useEffect, useRef, useState } from 'react'
import { useTry } from '../data/useTry'
import type { Trial } from '../store/providers'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { Stages } from '../ui/Stages'
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

export function TryOut({ account }: { account: AccountForm }) {
  const { provider, fields, before, form } = account
  const [to, setTo] = useState('')
  const [fault, setFault] = useState<string | undefined>()
  const { state, run } = useTry()
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
  const ask = async (kind: string) => {
    const faults = await run(trialOf(kind, account, to.trim()))
    const ofTo = faults.find(({ pointer }) => TO.has(pointer))
    setFault(ofTo?.detail)
    account.refuse(faults.filter((each) => each !== ofTo))
  }
  const send = () => void ask(channel)
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
              setFault(undefined)
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
            <Button icon="key" busy={busy} onClick={() => void ask('login')}>
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
