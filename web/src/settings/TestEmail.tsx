import { useEffect, useRef, useState } from 'react'
import { isAbort } from '../services/api'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { failureOf, Stages, type Try } from '../ui/Stages'
import type { Part } from './inputs'
import { isEmail } from './validate'

const text = strings.settings.test

export function TestEmail({ settings }: Part) {
  const test = useOrgStore((state) => state.testEmailNotification)
  const [to, setTo] = useState('')
  const [tried, setTried] = useState(false)
  const [state, setState] = useState<Try>({ at: 'rest' })
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
      setState({ at: 'done', result, tookMs: performance.now() - began, what: 'email' })
    } catch (error) {
      if (!isAbort(error)) {
        setState(failureOf(error))
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
      <Stages state={state} />
    </section>
  )
}
