import { useState } from 'react'
import { useAct } from '../data/act'
import type { Pause } from '../services/api'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { Time } from '../ui/Time'
import { useTypeNames } from './Filters'

const words = strings.jobs
const ALL = '*'
const REASON_MAX = 200

export function Resume({ pause }: { pause: Pause }) {
  const resume = useOrgStore((state) => state.resumeJobs)
  const { busy, act } = useAct()
  if (pause.scope !== 'organization') {
    return null
  }
  return (
    <Button
      size="small"
      icon="play"
      busy={busy}
      onClick={() =>
        void act(
          () => resume(pause.job_type ?? ALL),
          () => words.resumed,
        )
      }
    >
      {words.resume}
    </Button>
  )
}

/* What keeps jobs from starting, over the list, with the way out of it. */
export function PauseNotes() {
  const pauses = useOrgStore((state) => state.jobs.pauses.data)
  return (pauses ?? []).map((pause) => (
    <p key={`${pause.scope} ${pause.job_type ?? ALL}`} className="note note-warn pause-note">
      <Icon name="pause" />
      <span>
        {pause.job_type === null ? words.pausedAll : words.pausedType(pause.job_type)}{' '}
        {pause.scope === 'organization' ? words.pausedBy(pause.created_by) : words.pausedOperator},{' '}
        <Time value={pause.created_at} />
        {pause.reason !== null && `: ${pause.reason}`}
      </span>
      <Resume pause={pause} />
    </p>
  ))
}

export function PauseDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const pause = useOrgStore((state) => state.pauseJobs)
  const types = useOrgStore((state) => state.jobs.types.data)
  const names = useTypeNames()
  const [type, setType] = useState(ALL)
  const [reason, setReason] = useState('')
  const { busy, act } = useAct()
  const known = names.filter((name) => types === null || types.some((each) => each.name === name))
  const options = [{ value: ALL, label: words.everything }, ...known.map((name) => ({ value: name, label: name }))]
  const submit = async (): Promise<void> => {
    if (
      await act(
        () => pause(type, reason.trim() || null),
        () => words.paused,
      )
    ) {
      onClose()
    }
  }
  return (
    <Dialog
      open={open}
      title={words.pauseTitle}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{strings.close}</Button>
          <Button variant="primary" icon="pause" busy={busy} onClick={() => void submit()}>
            {words.pauseAction}
          </Button>
        </>
      }
    >
      <p>{words.pauseText}</p>
      <SelectField
        label={words.pauseWhat}
        options={options}
        value={type}
        onChange={(event) => setType(event.target.value)}
      />
      <TextField
        label={words.pauseReason}
        value={reason}
        maxLength={REASON_MAX}
        onChange={(event) => setReason(event.target.value)}
      />
    </Dialog>
  )
}
