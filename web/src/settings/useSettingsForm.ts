import { useMemo, useState } from 'react'
import { focusFault } from '../data/fault'
import { etagOf, PreconditionFailedError, RateLimitedError, UnauthorizedError, ValidationError } from '../services/api'
import type { NotificationSettings } from '../services/types'
import { useLeaveGuard } from '../shell/leave'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { errorText } from '../ui/States'
import { showToast } from '../ui/Toast'
import { differences, tidyEdits, toForm, toUpdate, type Edits, type FieldName, type Form } from './fields'
import { validate, type Faults } from './validate'

const say = strings.settings

export interface SettingsForm {
  form: Form
  edits: Edits
  faults: Faults
  base: NotificationSettings // what the edits were made from
  set: <N extends FieldName>(name: N, value: Form[N]) => void
  fill: (values: Edits) => void // several at once
  discard: () => void
  save: () => Promise<void>
  saveChoice: (mine: Edits) => Promise<void> // over what somebody else saved meanwhile
  saving: boolean
  overtaken: boolean // somebody else saved while there were edits
  conflict: boolean // and their version is to be shown
  setConflict: (open: boolean) => void
}

/* Edits live here and nowhere else: a poll, an error, a new token and a restart of the server leave them alone. */
export function useSettingsForm(current: NotificationSettings): SettingsForm {
  const update = useOrgStore((state) => state.updateNotificationSettings)
  const [edits, setEdits] = useState<Edits>({})
  const [base, setBase] = useState(current)
  const [refused, setRefused] = useState<Faults>({})
  const [saving, setSaving] = useState(false)
  const [conflict, setConflict] = useState(false)
  const dirty = Object.keys(edits).length > 0
  if (!dirty && base !== current) {
    setBase(current) // nothing to lose: follow the server
  }
  useLeaveGuard(dirty, say.leave)
  const form = useMemo(() => ({ ...toForm(base), ...edits }), [base, edits])
  const faults = useMemo(() => ({ ...refused, ...validate(form) }), [form, refused])

  const send = async (from: NotificationSettings, changes: Edits) => {
    setSaving(true)
    try {
      await update(toUpdate(from, changes), { ifMatch: etagOf(from) })
      setEdits({})
      setRefused({})
      setConflict(false)
      showToast('good', say.saved)
    } catch (error) {
      onFailure(error)
    } finally {
      setSaving(false)
    }
  }
  const onFailure = (error: unknown) => {
    if (error instanceof PreconditionFailedError) {
      setConflict(true)
    } else if (error instanceof ValidationError) {
      const faultsByField = [...error.byField()].map(([name, fault]) => [name, fault.detail] as const)
      setRefused(Object.fromEntries(faultsByField) as Faults)
      setConflict(false)
      focusFault()
    } else if (error instanceof RateLimitedError) {
      showToast('warn', say.limited(error.retryAfterS ?? 60))
    } else if (!(error instanceof UnauthorizedError)) {
      showToast('bad', say.notSaved(errorText(error)))
    }
  }

  return {
    form,
    edits,
    faults,
    base,
    saving,
    conflict,
    setConflict,
    overtaken: dirty && current !== base && differences(base, current).length > 0,
    set: (name, value) => {
      setEdits((before) => tidyEdits(toForm(base), { ...before, [name]: value }))
      setRefused(({ [name]: _gone, ...rest }) => rest)
    },
    fill: (values) => {
      setEdits((before) => tidyEdits(toForm(base), { ...before, ...values }))
      setRefused({})
    },
    discard: () => {
      setEdits({})
      setRefused({})
    },
    save: async () => {
      if (Object.keys(validate(form)).length > 0) {
        focusFault()
      } else {
        await send(base, edits)
      }
    },
    saveChoice: async (mine) => {
      const kept = tidyEdits(toForm(current), mine)
      if (Object.keys(kept).length === 0) {
        setEdits({})
        setConflict(false)
      } else {
        setBase(current)
        setEdits(kept)
        await send(current, kept)
      }
    },
  }
}
