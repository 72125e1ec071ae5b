import { useState } from 'react'
import { focusFault } from '../data/fault'
import { explain } from '../data/explain'
import { isAbort, ValidationError, type SuppressionCreate } from '../services/api'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { showToast } from '../ui/Toast'
import { addressFault } from './rules'

const words = strings.suppressions
const FORM = 'add-suppression'

export function AddSuppression({ onClose }: { onClose: () => void }) {
  const create = useOrgStore((state) => state.createSuppression)
  const [channel, setChannel] = useState<SuppressionCreate['channel']>('email')
  const [address, setAddress] = useState('')
  const [note, setNote] = useState('')
  const [refused, setRefused] = useState<string | undefined>()
  const [tried, setTried] = useState(false)
  const [busy, setBusy] = useState(false)
  const fault = addressFault(channel, address.trim())
  const submit = async () => {
    setTried(true)
    if (fault !== undefined) {
      focusFault()
      return
    }
    setBusy(true)
    try {
      const made = await create({ channel, address: address.trim(), note: note.trim() || null })
      showToast('good', words.added(made.address))
      onClose()
    } catch (error) {
      if (error instanceof ValidationError) {
        setRefused(error.errors[0]?.detail)
        focusFault()
      } else if (!isAbort(error)) {
        showToast('bad', explain(error))
      }
    } finally {
      setBusy(false)
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
          <Button variant="primary" type="submit" form={FORM} busy={busy}>
            {words.addAction}
          </Button>
        </>
      }
    >
      <form
        id={FORM}
        className="form-fields"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <p>{words.addText}</p>
        <SelectField
          label={words.columns.channel}
          options={Object.entries(words.channels).map(([value, label]) => ({ value, label }))}
          value={channel}
          onChange={(event) => setChannel(event.target.value as SuppressionCreate['channel'])}
        />
        <TextField
          label={words.columns.address}
          type={channel === 'email' ? 'email' : 'tel'}
          error={refused ?? (tried ? fault : undefined)}
          maxLength={254}
          autoComplete="off"
          value={address}
          onChange={(event) => {
            setAddress(event.target.value)
            setRefused(undefined)
          }}
        />
        <TextField
          label={words.addNote}
          maxLength={500}
          autoComplete="off"
          value={note}
          onChange={(event) => setNote(event.target.value)}
        />
      </form>
    </Dialog>
  )
}
