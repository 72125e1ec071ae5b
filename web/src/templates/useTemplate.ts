/* The texts of one template while they are edited, what the server says of them, and the message they would make. */
import { useEffect, useMemo, useState } from 'react'
import { focusFault } from '../data/fault'
import { explain } from '../data/explain'
import {
  etagOf, isAbort, PreconditionFailedError, ValidationError,
  type Fault, type Template, type TemplatePreview, type TemplatePut, type TemplateValidateRequest,
} from '../services/api'
import { useLeaveGuard } from '../shell/leave'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { showToast } from '../ui/Toast'
import { formOf, keyOf, textsOf, type Part, type Texts } from './rules'

export type Faults = Partial<Record<Part, string>>

export interface Editor {
  readonly name: string
  readonly base: Template // what the edits were made from: of that name, or the nearest wider one
  readonly isNew: boolean
  readonly form: Texts
  readonly before: Texts
  readonly dirty: boolean
  readonly faults: Faults
  readonly preview: TemplatePreview | null
  readonly saving: boolean
  readonly stale: string | null // who changed it meanwhile
  set: (part: Part, text: string) => void
  discard: () => void
  save: () => Promise<void>
}

const TYPING_MS = 350

const faultsOf = (errors: readonly Fault[]): Faults =>
  Object.fromEntries(errors.map(({ pointer, detail }) => [pointer.slice(1), detail])) as Faults

/* Asks the server about what is typed, once the typing rests: first whether it can be, then what it looks like. */
function useVerdict(name: string, form: Texts): { faults: Faults; preview: TemplatePreview | null } {
  const validate = useOrgStore((state) => state.validateTemplate)
  const render = useOrgStore((state) => state.previewTemplate)
  const [verdict, setVerdict] = useState<{ faults: Faults; preview: TemplatePreview | null }>({ faults: {}, preview: null })
  useEffect(() => {
    const stop = new AbortController()
    const { event, channel, locale } = keyOf(name)
    const which = { event, channel } as TemplateValidateRequest
    const texts = textsOf(channel, form)
    const ask = async (): Promise<void> => {
      if (texts.text === '') {
        setVerdict({ faults: { text: strings.form.needed }, preview: null })
        return
      }
      const { errors } = await validate({ ...which, ...texts }, { signal: stop.signal })
      const preview = errors.length > 0 ? null : await render({ ...which, locale: locale || null, ...texts }, { signal: stop.signal })
      setVerdict({ faults: faultsOf(errors), preview })
    }
    const timer = setTimeout(() => {
      ask().catch((error: unknown) => {
        if (error instanceof ValidationError) {
          setVerdict({ faults: faultsOf(error.errors), preview: null })
        } // the page says itself when the server is away
      })
    }, TYPING_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [name, form, validate, render])
  return verdict
}

export function useTemplate(name: string, current: Template): Editor {
  const saveTemplate = useOrgStore((state) => state.saveTemplate)
  const [edits, setEdits] = useState<Partial<Texts>>({})
  const [base, setBase] = useState(current)
  const [refused, setRefused] = useState<Faults>({})
  const [saving, setSaving] = useState(false)
  const dirty = Object.keys(edits).length > 0
  if (!dirty && base !== current) {
    setBase(current) // nothing to lose: follow the server
  }
  const isNew = base.template !== name
  useLeaveGuard(dirty, strings.form.leave, 'template')
  const before = useMemo(() => formOf(base), [base])
  const form = useMemo(() => ({ ...before, ...edits }), [before, edits])
  const verdict = useVerdict(name, form)
  const faults = { ...verdict.faults, ...refused }
  const overtaken = dirty && (current.template !== base.template || etagOf(current) !== etagOf(base))

  const save = async (): Promise<void> => {
    const from = overtaken ? current : base // they have been told of it: over theirs, then
    if (Object.keys(faults).length > 0) {
      focusFault()
      return
    }
    setSaving(true)
    try {
      const ifMatch = from.template === name ? etagOf(from) : null
      await saveTemplate(name, textsOf(keyOf(name).channel, form) as TemplatePut, { ifMatch })
      setEdits({})
      showToast('good', strings.templates.saved)
    } catch (error) {
      if (error instanceof ValidationError) {
        setRefused(faultsOf(error.errors))
        focusFault()
      } else if (!(error instanceof PreconditionFailedError) && !isAbort(error)) {
        showToast('bad', explain(error))
      }
    } finally {
      setSaving(false)
    }
  }

  return {
    name,
    base,
    isNew,
    form,
    before,
    dirty,
    faults,
    preview: verdict.preview,
    saving,
    stale: overtaken ? (current.updated_by ?? strings.form.somebody) : null,
    set: (part, text) => {
      setEdits(({ [part]: _gone, ...rest }) => (before[part] === text ? rest : { ...rest, [part]: text }))
      setRefused(({ [part]: _gone, ...rest }) => rest)
    },
    discard: () => {
      setEdits({})
      setRefused({})
    },
    save,
  }
}
