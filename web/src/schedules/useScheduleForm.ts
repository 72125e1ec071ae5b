/* A schedule while it is made or changed: what was typed lives here; a poll, an error and a restart of the server leave it alone. */
import { useEffect, useMemo, useState } from 'react'
import { explain } from '../data/explain'
import { focusFault } from '../data/fault'
import { etagOf, isAbort, PreconditionFailedError, ValidationError, type ScheduleDetail } from '../services/api'
import { setLeaveGuard } from '../shell/route'
import { useLeaveGuard } from '../shell/leave'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { showToast } from '../ui/Toast'
import { createOf, EMPTY, faultsAt, formOf, updateOf, validate, type Faults, type FieldName, type Form } from './form'

const words = strings.scheduleForm
const TYPING_MS = 300

export interface ScheduleForm {
  readonly form: Form
  readonly before: Form
  readonly faults: Faults
  readonly isNew: boolean
  readonly dirty: boolean
  readonly saving: boolean
  readonly stale: string | null // who changed it meanwhile
  readonly firings: readonly string[] | null // null: not known (yet)
  set: (name: FieldName, value: string) => void
  save: () => Promise<void>
}

/* The next firings, as the server counts them, once the typing rests; or what is wrong with when and where. */
function useFirings({ cron, timezone }: Form): { firings: readonly string[] | null; faults: Faults } {
  const preview = useOrgStore((state) => state.previewSchedule)
  const [answer, setAnswer] = useState<{ firings: readonly string[] | null; faults: Faults }>({ firings: null, faults: {} })
  const [when, zone] = [cron.trim(), timezone.trim()]
  useEffect(() => {
    if (when === '' || zone === '') {
      setAnswer({ firings: null, faults: {} })
      return
    }
    const stop = new AbortController()
    const timer = setTimeout(() => {
      preview(when, zone, { signal: stop.signal })
        .then((firings) => setAnswer({ firings, faults: {} }))
        .catch((error: unknown) => {
          if (error instanceof ValidationError) {
            setAnswer({ firings: null, faults: faultsAt(error.errors) })
          } // the page says itself when the server is away
        })
    }, TYPING_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [preview, when, zone])
  return answer
}

/* current: what is changed; null: a new one. done: told of what was saved. */
export function useScheduleForm(current: ScheduleDetail | null, done: (saved: ScheduleDetail) => void): ScheduleForm {
  const create = useOrgStore((state) => state.createSchedule)
  const update = useOrgStore((state) => state.updateSchedule)
  const [edits, setEdits] = useState<Partial<Form>>({})
  const [base, setBase] = useState(current)
  const [refused, setRefused] = useState<Faults>({})
  const [tried, setTried] = useState(false)
  const [saving, setSaving] = useState(false)
  const dirty = Object.keys(edits).length > 0
  if (!dirty && base !== current) {
    setBase(current) // nothing to lose: follow the server
  }
  useLeaveGuard(dirty, strings.form.leave, current === null ? 'schedule' : 'edit')
  const before = useMemo(() => (base === null ? EMPTY : formOf(base)), [base])
  const form = useMemo(() => ({ ...before, ...edits }), [before, edits])
  const own = useMemo(() => validate(form), [form])
  const asked = useFirings(form)
  // What is only missing is told when somebody tries to save it.
  const shown = tried ? own : Object.fromEntries(Object.entries(own).filter(([name]) => form[name as FieldName] !== ''))
  const overtaken = dirty && base !== null && current !== null && etagOf(current) !== etagOf(base)
  const faults = { ...refused, ...asked.faults, ...shown }

  const send = (): Promise<ScheduleDetail> => {
    const from = overtaken ? current : base // they have been told of it: over theirs, then
    if (from === null) {
      return create(createOf(form))
    }
    return update(from.id, updateOf(from, { ...formOf(from), ...edits }), { ifMatch: etagOf(from) })
  }
  const save = async (): Promise<void> => {
    setTried(true)
    if (Object.keys(own).length > 0) {
      focusFault()
      return
    }
    setSaving(true)
    try {
      const saved = await send()
      showToast('good', base === null ? words.made : words.saved)
      setLeaveGuard(null)
      done(saved)
    } catch (error) {
      if (error instanceof ValidationError) {
        setRefused(faultsAt(error.errors))
        focusFault()
      } else if (!(error instanceof PreconditionFailedError) && !isAbort(error)) {
        showToast('bad', explain(error))
      }
    } finally {
      setSaving(false)
    }
  }
  return {
    form,
    before,
    faults,
    isNew: base === null,
    dirty,
    saving,
    stale: overtaken ? (current?.updated_by ?? strings.form.somebody) : null,
    firings: asked.firings,
    set: (name, value) => {
      setEdits(({ [name]: _gone, ...rest }) => (before[name] === value ? rest : { ...rest, [name]: value }))
      setRefused(({ [name]: _gone, ...rest }) => rest)
    },
    save,
  }
}
