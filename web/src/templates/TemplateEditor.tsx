import { useRef, useState } from 'react'
import { useAct } from '../data/act'
import { hashWith, travel } from '../data/params'
import type { Template, TemplateField } from '../services/api'
import { setLeaveGuard } from '../shell/route'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { Button } from '../ui/Button'
import { Confirm } from '../ui/Dialog'
import { AreaField, TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { Preview } from './Preview'
import { keyOf, languageOf, partsOf, withField, type Part } from './rules'
import { useTemplate, type Editor } from './useTemplate'

const words = strings.templates
const ROWS = { text: 10, html: 14 }

export const titleOf = (name: string): string => {
  const { event, channel, locale } = keyOf(name)
  const message = strings.deliveries.events[event] ?? event
  const language = locale === '' ? '' : `, ${languageOf(locale)}`
  return `${message}: ${strings.deliveries.channels[channel] ?? channel}${language}`
}

type Inputs = React.RefObject<Partial<Record<Part, HTMLInputElement | HTMLTextAreaElement | null>>>

interface PartProps {
  editor: Editor
  part: Part
  inputs: Inputs
  onFocus: (part: Part) => void
}

function PartInput({ editor, part, inputs, onFocus }: PartProps) {
  const { channel } = keyOf(editor.name)
  const shared = {
    error: editor.faults[part],
    changed: editor.form[part] !== editor.before[part],
    name: part,
    value: editor.form[part],
    onFocus: () => onFocus(part),
    onChange: (event: { target: { value: string } }) => editor.set(part, event.target.value),
  }
  const ref = (node: HTMLInputElement | HTMLTextAreaElement | null) => {
    inputs.current[part] = node
  }
  if (part === 'subject') {
    return <TextField {...shared} ref={ref} label={words.subject} autoComplete="off" spellCheck={false} />
  }
  const label = part === 'html' ? words.html : (words.text[channel] ?? words.text['sms'])
  const rows = channel === 'email' ? ROWS[part] : 6
  return <AreaField {...shared} ref={ref} label={label} {...(part === 'html' ? { hint: words.htmlHint } : {})} rows={rows} />
}

function Fields({ fields, onInsert }: { fields: readonly TemplateField[]; onInsert: (name: string) => void }) {
  return (
    <section className="card card-pad template-part" aria-labelledby="fields">
      <h2 id="fields">{words.fieldsTitle}</h2>
      <p className="field-hint">{words.fieldsHint}</p>
      <dl className="template-fields">
        {fields.map(({ name, help }) => (
          <div key={name}>
            <dt>
              <Button size="small" aria-label={words.insert(name)} onClick={() => onInsert(name)}>
                <code>{name}</code>
              </Button>
            </dt>
            <dd>{help}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function Product({ base }: { base: Template }) {
  const texts = base.default
  return (
    <section className="card card-pad template-part" aria-labelledby="product">
      <h2 id="product">{words.productTitle}</h2>
      {texts === null ? (
        <p className="faint">{words.productNone}</p>
      ) : (
        <>
          {texts.subject !== null && <p className="preview-subject">{texts.subject}</p>}
          <pre className="preview-text" tabIndex={0}>
            {texts.text}
          </pre>
          {texts.html !== null && (
            <details>
              <summary>{words.productHtml}</summary>
              <pre className="preview-text" tabIndex={0}>
                {texts.html}
              </pre>
            </details>
          )}
        </>
      )}
    </section>
  )
}

/* Of what the product has its words serve again; of what it has none the template is gone. */
function Reset({ editor, onClose }: { editor: Editor; onClose: () => void }) {
  const remove = useOrgStore((state) => state.deleteTemplate)
  const { busy, act } = useAct()
  const back = editor.base.default !== null
  const run = async () => {
    if (await act(() => remove(editor.name), () => (back ? words.wasReset : words.removed))) {
      editor.discard()
      onClose()
      if (!back) {
        setLeaveGuard(null)
        travel({ template: null })
      }
    }
  }
  return (
    <Confirm
      open
      danger
      title={back ? words.resetTitle : words.removeTitle}
      action={back ? words.resetAction : words.removeAction}
      busy={busy}
      onClose={onClose}
      onConfirm={() => void run()}
    >
      <p>{back ? words.resetText : words.removeText}</p>
    </Confirm>
  )
}

function Standing({ editor: { base, isNew } }: { editor: Editor }) {
  if (isNew) {
    return <span className="faint">{words.isNew(languageOf(base.locale))}</span>
  }
  const own = base.source === 'organization'
  return (
    <>
      <Badge tone={own ? 'info' : 'neutral'} icon={own ? 'edit' : 'templates'}>
        {own ? words.own : words.default}
      </Badge>
      <span className="faint">{own ? words.isOwn(base.updated_by ?? strings.form.somebody) : words.isDefault}</span>
    </>
  )
}

function Foot({ editor, onReset }: { editor: Editor; onReset: () => void }) {
  const { base, isNew, dirty, saving, faults } = editor
  const changed = Object.keys(editor.form).filter((part) => editor.form[part as Part] !== editor.before[part as Part]).length
  const faulty = Object.keys(faults).length
  return (
    <div className="template-foot">
      <span className="template-told" role="status">
        {dirty && strings.form.unsaved(changed)}
        {faulty > 0 && <span className="fault"> {strings.form.fix(faulty)}</span>}
      </span>
      {!isNew && base.source === 'organization' && (
        <Button variant="danger" icon={base.default === null ? 'trash' : 'retry'} onClick={onReset}>
          {base.default === null ? words.remove : words.reset}
        </Button>
      )}
      {dirty && <Button onClick={editor.discard}>{strings.form.discard}</Button>}
      <Button variant="primary" type="submit" busy={saving}>
        {words.save}
      </Button>
    </div>
  )
}

export function TemplateEditor({ name, current }: { name: string; current: Template }) {
  const editor = useTemplate(name, current)
  const [asking, setAsking] = useState(false)
  const [last, setLast] = useState<Part>('text')
  const inputs: Inputs = useRef({})
  const { channel } = keyOf(name)
  const insert = (field: string) => {
    const input = inputs.current[last]
    if (!input) {
      return
    }
    const { text, at } = withField(input.value, input.selectionStart ?? 0, input.selectionEnd ?? 0, field)
    editor.set(last, text)
    requestAnimationFrame(() => {
      input.focus()
      input.setSelectionRange(at, at)
    })
  }
  return (
    <>
      <header className="view-head">
        <div>
          <a className="back" href={hashWith({ template: null })}>
            <Icon name="back" />
            {words.back}
          </a>
          <h1>{titleOf(name)}</h1>
        </div>
      </header>
      <p className="template-standing">
        <Standing editor={editor} />
      </p>
      {editor.stale !== null && (
        <p className="note note-warn" role="status">
          <Icon name="alert" />
          {strings.form.stale(editor.stale)}
        </p>
      )}
      <div className="template-columns">
        <div className="template-side">
          <form
            className="card card-pad template-part"
            noValidate
            aria-labelledby="yours"
            onSubmit={(event) => {
              event.preventDefault()
              void editor.save()
            }}
          >
            <h2 id="yours">{words.yours}</h2>
            {partsOf(channel).map((part) => (
              <PartInput key={part} editor={editor} part={part} inputs={inputs} onFocus={setLast} />
            ))}
            <Foot editor={editor} onReset={() => setAsking(true)} />
          </form>
          <Fields fields={editor.base.fields} onInsert={insert} />
        </div>
        <div className="template-side">
          <Preview preview={editor.preview} faulty={Object.keys(editor.faults).length > 0} />
          <Product base={editor.isNew ? { ...editor.base, default: null } : editor.base} />
        </div>
      </div>
      {asking && <Reset editor={editor} onClose={() => setAsking(false)} />}
    </>
  )
}
