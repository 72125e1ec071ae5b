import { useState } from 'react'
import { strings } from '../strings'
import { Badge } from './Badge'
import { Button } from './Button'
import { Field } from './Field'

const words = strings.secret

/* What the server shows of a secret that is set. Sent back it would be refused: unchanged, it is left out. */
export const MASK = '********'

interface Props {
  label: string
  name: string
  hint?: string | undefined
  error?: string | undefined
  changed?: boolean
  stored: boolean // the server has one
  value: string // MASK: it is kept; '': there is none, or it will be removed
  removable?: boolean
  type?: 'password' | 'text' // text: one that is checked by eye, such as an address
  onChange: (value: string) => void
}

/* A secret is never shown: it is kept, replaced or removed. */
export function Secret(props: Props) {
  const { label, name, hint, error, changed = false, stored, value, removable = true, type = 'password', onChange } = props
  const [replacing, setReplacing] = useState(false)
  const [before, setBefore] = useState(changed)
  if (before !== changed) {
    setBefore(changed)
    if (!changed) {
      setReplacing(false) // it was saved, or taken back
    }
  }
  const keep = () => {
    setReplacing(false)
    onChange(MASK)
  }
  const typing = !stored || (replacing && value === MASK) || (changed && value !== '')
  return (
    <Field label={label} error={error} changed={changed} {...(typing && hint !== undefined ? { hint } : {})}>
      {(wiring) =>
        typing ? (
          <>
            <input
              {...wiring}
              className="input"
              name={name}
              type={type}
              autoComplete={type === 'password' ? 'new-password' : 'off'}
              spellCheck={false}
              autoFocus={replacing}
              value={value === MASK ? '' : value}
              onChange={(event) => onChange(event.target.value === '' && stored ? MASK : event.target.value)}
            />
            {stored && (
              <Button size="small" className="secret-keep" onClick={keep}>
                {words.keep}
              </Button>
            )}
          </>
        ) : (
          <div className="secret" id={wiring.id} role="group" aria-label={label}>
            <Badge tone={value === MASK ? 'good' : 'warn'} icon={value === MASK ? 'lock' : 'trash'}>
              {value === MASK ? words.stored : words.willRemove}
            </Badge>
            {value === MASK ? (
              <div className="buttons">
                <Button size="small" onClick={() => setReplacing(true)}>
                  {words.replace}
                </Button>
                {removable && (
                  <Button size="small" variant="danger" onClick={() => onChange('')}>
                    {words.remove}
                  </Button>
                )}
              </div>
            ) : (
              <Button size="small" onClick={keep}>
                {words.keep}
              </Button>
            )}
          </div>
        )
      }
    </Field>
  )
}
