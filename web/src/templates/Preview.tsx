import { useState } from 'react'
import type { TemplatePreview } from '../services/api'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { Skeleton } from '../ui/States'
import { MailFrame } from './MailFrame'

const words = strings.templates

function Message({ preview, asText }: { preview: TemplatePreview; asText: boolean }) {
  const { subject, text, html, sms } = preview
  return (
    <>
      {subject !== null && <p className="preview-subject">{subject}</p>}
      {html !== null && !asText ? (
        <MailFrame html={html} />
      ) : (
        <pre className="preview-text" tabIndex={0}>
          {text}
        </pre>
      )}
      {sms !== null && <p className="field-hint">{words.sms(sms.segments, sms.length, sms.encoding.toUpperCase())}</p>}
    </>
  )
}

/* The message that these words would make, with a sample. */
export function Preview({ preview, faulty }: { preview: TemplatePreview | null; faulty: boolean }) {
  const [asText, setAsText] = useState(false)
  return (
    <section className="card card-pad template-part" aria-labelledby="preview">
      <div className="part-head">
        <h2 id="preview">{words.preview}</h2>
        {preview !== null && preview.html !== null && (
          <div className="buttons">
            <Button size="small" aria-pressed={!asText} onClick={() => setAsText(false)}>
              {words.asHtml}
            </Button>
            <Button size="small" aria-pressed={asText} onClick={() => setAsText(true)}>
              {words.asText}
            </Button>
          </div>
        )}
      </div>
      {preview !== null ? (
        <Message preview={preview} asText={asText} />
      ) : faulty ? (
        <p className="note note-warn">
          <Icon name="alert" />
          {words.previewBad}
        </p>
      ) : (
        <Skeleton rows={3} />
      )}
      <p className="field-hint">{words.previewHint}</p>
    </section>
  )
}
