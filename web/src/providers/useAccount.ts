/* The form of an account: what was typed lives here; a poll, an error and a restart of the server leave it alone. */
import { useMemo, useState } from 'react'
import {
  etagOf, isAbort, PreconditionFailedError, ValidationError, type Fault, type Provider, type ProviderAccount,
} from '../services/api'
import { explain } from '../data/explain'
import { focusFault } from '../data/fault'
import { useLeaveGuard } from '../shell/leave'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { showToast } from '../ui/Toast'
import { fieldsOf, formOf, updateOf, validate, type ConfigField, type Faults, type Form } from './account'

export interface AccountForm {
  readonly provider: Provider
  readonly account: ProviderAccount | null // what the edits were made from
  readonly fields: readonly ConfigField[]
  readonly form: Form
  readonly before: Form
  readonly faults: Faults
  readonly dirty: boolean
  readonly saving: boolean
  readonly stale: string | null // who changed it meanwhile
  set: (place: string, value: string) => void
  discard: () => void
  save: () => Promise<void>
  refuse: (errors: readonly Fault[]) => void
}

/* Pointers such as /config/host, as the form names its places. */
export const faultsAt = (errors: readonly Fault[]): Faults =>
  Object.fromEntries(errors.map(({ pointer, detail }) => [pointer.slice(1), detail]))

export function useAccount(provider: Provider, current: ProviderAccount | null): AccountForm {
  const update = useOrgStore((state) => state.saveProviderAccount)
  const fields = useMemo(() => fieldsOf(provider), [provider])
  const [edits, setEdits] = useState<Form>({})
  const [base, setBase] = useState(current)
  const [refused, setRefused] = useState<Faults>({})
  const [tried, setTried] = useState(false)
  const [saving, setSaving] = useState(false)
  const dirty = Object.keys(edits).length > 0
  if (!dirty && base !== current) {
    setBase(current) // nothing to lose: follow the server
  }
  useLeaveGuard(dirty, strings.form.leave, 'provider')
  const before = useMemo(() => formOf(fields, base), [fields, base])
  const form = useMemo(() => ({ ...before, ...edits }), [before, edits])
  const own = useMemo(() => validate(fields, form), [fields, form])
  // What is only missing is told when somebody tries to save it.
  const shown = tried ? own : Object.fromEntries(Object.entries(own).filter(([place]) => form[place] !== ''))

  const overtaken = dirty && current !== base && JSON.stringify(current) !== JSON.stringify(base)
  const save = async (): Promise<void> => {
    const from = overtaken ? current : base // they have been told of it: over theirs, then
    setTried(true)
    if (Object.keys(own).length > 0) {
      focusFault()
      return
    }
    setSaving(true)
    try {
      const wanted = { ...formOf(fields, from), ...edits }
      await update(provider.name, updateOf(fields, from, wanted), { ifMatch: etagOf(from) })
      setEdits({})
      setRefused({})
      setTried(false)
      showToast('good', base === null ? strings.providers.made : strings.providers.saved)
    } catch (error) {
      fail(error)
    } finally {
      setSaving(false)
    }
  }
  const fail = (error: unknown): void => {
    if (error instanceof ValidationError) {
      setRefused(faultsAt(error.errors))
      focusFault()
    } else if (!(error instanceof PreconditionFailedError) && !isAbort(error)) {
      showToast('bad', explain(error))
    }
  }
  return {
    provider,
    account: base,
    fields,
    form,
    before,
    faults: { ...refused, ...shown },
    dirty,
    saving,
    stale: overtaken ? (current?.updated_by ?? strings.form.somebody) : null,
    set: (place, value) => {
      setEdits(({ [place]: _gone, ...rest }) => (before[place] === value ? rest : { ...rest, [place]: value }))
      setRefused(({ [place]: _gone, ...rest }) => rest)
    },
    discard: () => {
      setEdits({})
      setRefused({})
      setTried(false)
    },
    save,
    refuse: (errors) => setRefused(faultsAt(errors)),
  }
}
