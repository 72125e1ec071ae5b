import { useState } from 'react'
import { explain } from '../data/explain'
import { NotFoundError, type DigestPreview as Preview } from '../services/api'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { Time } from '../ui/Time'

const text = strings.settings.digest.preview

type State = { at: 'rest' | 'loading' } | { at: 'said'; words: string } | { at: 'found'; preview: Preview }

/* What somebody's next digest would say if it went now. */
export function DigestPreview() {
  const ask = useOrgStore((state) => state.previewDigest)
  const [recipient, setRecipient] = useState('')
  const [state, setState] = useState<State>({ at: 'rest' })

  const show = async () => {
    const name = recipient.trim()
    if (name === '') {
      setState({ at: 'said', words: text.whose })
      return
    }
    setState({ at: 'loading' })
    try {
      setState({ at: 'found', preview: await ask(name) })
    } catch (error) {
      setState({ at: 'said', words: error instanceof NotFoundError ? text.none(name) : explain(error) })
    }
  }

  return (
    <div className="digest-preview">
      <div className="test-line">
        <TextField
          label={text.label}
          hint={text.hint}
          autoComplete="off"
          value={recipient}
          onChange={(event) => setRecipient(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') {
              event.preventDefault() // it stands in the form of the settings, which it must not save
              void show()
            }
          }}
        />
        <Button busy={state.at === 'loading'} onClick={() => void show()}>
          {text.action}
        </Button>
      </div>
      <div role="status">
        {state.at === 'said' && <p className="faint">{state.words}</p>}
        {state.at === 'found' && <Found preview={state.preview} />}
      </div>
    </div>
  )
}

function Found({ preview }: { preview: Preview }) {
  return (
    <>
      <p className="faint">
        {text.gathered(preview.members_n)} <Time value={preview.held_until} />
      </p>
      <p>
        <strong>{preview.message.subject}</strong>
      </p>
      <pre className="digest-text" tabIndex={0}>
        {preview.message.text}
      </pre>
    </>
  )
}
