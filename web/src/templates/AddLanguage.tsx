import { useState } from 'react'
import { travel } from '../data/params'
import type { TemplateSummary } from '../services/api'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { keyOf, messagesOf, nameOf, tagOf } from './rules'

const words = strings.templates

export function AddLanguage({ list, onClose }: { list: readonly TemplateSummary[]; onClose: () => void }) {
  const messages = messagesOf(list)
  const [message, setMessage] = useState(nameOf(messages[0] ?? keyOf('')))
  const [text, setText] = useState('')
  const [tried, setTried] = useState(false)
  const tag = tagOf(text)
  const name = nameOf({ ...keyOf(message), locale: tag ?? '' })
  const fault = tag === null ? words.addFault : list.some((each) => each.template === name) ? words.addKnown : undefined
  const submit = () => {
    setTried(true)
    if (fault === undefined) {
      onClose()
      travel({ template: name })
    }
  }
  return (
    <Dialog
      open
      title={words.addTitle}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{strings.cancel}</Button>
          <Button variant="primary" onClick={submit}>
            {words.addAction}
          </Button>
        </>
      }
    >
      <form
        className="form-fields"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <p>{words.addText}</p>
        <SelectField
          label={words.addWhich}
          options={messages.map((key) => ({
            value: nameOf(key),
            label: `${strings.deliveries.events[key.event] ?? key.event}: ${strings.deliveries.channels[key.channel] ?? key.channel}`,
          }))}
          value={message}
          onChange={(event) => setMessage(event.target.value)}
        />
        <TextField
          label={words.addLocale}
          hint={words.addLocaleHint}
          error={tried ? fault : undefined}
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </form>
    </Dialog>
  )
}
