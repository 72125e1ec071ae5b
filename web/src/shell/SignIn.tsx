import { useState, type FormEvent } from 'react'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { useSession, type Ended, type Verdict } from './session'

const WHY: Record<Ended, string> = {
  expired: strings.signIn.expired,
  refused: strings.signIn.refused,
  'signed-out': strings.signIn.signedOut,
}

const FAULTS: Partial<Record<string, string>> = { malformed: strings.signIn.malformed, refused: strings.signIn.refused }

function TokenForm() {
  const signIn = useSession((state) => state.signIn)
  const [pasted, setPasted] = useState('')
  const [verdict, setVerdict] = useState<Verdict | 'none' | 'asking'>('none')
  const onSubmit = async (event: FormEvent) => {
    event.preventDefault()
    setVerdict('asking')
    setVerdict(await signIn(pasted))
  }
  return (
    <form className="signin-form" noValidate onSubmit={(event) => void onSubmit(event)}>
      <TextField
        label={strings.signIn.token}
        hint={strings.signIn.hint}
        error={FAULTS[verdict]}
        type="password"
        name="token"
        autoComplete="off"
        spellCheck={false}
        autoFocus
        value={pasted}
        onChange={(event) => {
          setPasted(event.target.value)
          setVerdict('none')
        }}
      />
      <Button variant="primary" type="submit" busy={verdict === 'asking'}>
        {strings.signIn.action}
      </Button>
    </form>
  )
}

export function SignInPage() {
  const ended = useSession((state) => state.ended)
  return (
    <main className="signin" tabIndex={-1}>
      <div className="signin-card">
        <h1 className="brand">
          <img src="./favicon.svg" alt="" width="32" height="32" />
          {strings.product}
        </h1>
        <p className="faint">{strings.signIn.lead}</p>
        {ended !== null && <Why ended={ended} />}
        <TokenForm />
      </div>
    </main>
  )
}

/* Over the view that is open, which keeps what was typed. */
export function SignInDialog() {
  const ended = useSession((state) => state.ended)
  return (
    <Dialog open title={strings.signIn.again} closable={false} onClose={() => undefined}>
      <Why ended={ended ?? 'expired'} />
      <TokenForm />
    </Dialog>
  )
}

function Why({ ended }: { ended: Ended }) {
  return (
    <p className="note" role="status">
      <Icon name="info" />
      {WHY[ended]}
    </p>
  )
}
