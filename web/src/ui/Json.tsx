import { useState } from 'react'
import { formatJson } from '../services/json'
import { strings } from '../strings'
import { Button } from './Button'
import { showToast } from './Toast'

/*
 * A value as a tree that opens and closes. A bigint is shown with all its digits: whoever parses a payload makes integers
 * that a double cannot hold into bigints.
 */
const MOST_CHILDREN = 200

function Leaf({ value }: { value: unknown }) {
  const kind = value === null ? 'null' : typeof value
  return <span className={`json-${kind}`}>{formatJson(value)}</span>
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const label = name === undefined ? null : <span className="json-key">{name}: </span>
  if (value === null || typeof value !== 'object') {
    return (
      <div className="json-line">
        {label}
        <Leaf value={value} />
      </div>
    )
  }
  const entries = Object.entries(value)
  const size = Array.isArray(value) ? strings.json.items(entries.length) : strings.json.members(entries.length)
  return (
    <details className="json-branch" open={depth < 2}>
      <summary>
        {label}
        <span className="faint">{size}</span>
      </summary>
      <div className="json-children">
        {entries.slice(0, MOST_CHILDREN).map(([key, each]) => (
          <Node key={key} name={key} value={each} depth={depth + 1} />
        ))}
        {entries.length > MOST_CHILDREN && <p className="faint">{strings.json.more(entries.length - MOST_CHILDREN)}</p>}
      </div>
    </details>
  )
}

export function Json({ value, label }: { value: unknown; label: string }) {
  const [raw, setRaw] = useState(false)
  return (
    <section className="json" aria-label={label}>
      <div className="json-tools">
        <Button size="small" variant="quiet" aria-pressed={raw} onClick={() => setRaw(!raw)}>
          {raw ? strings.json.tree : strings.json.text}
        </Button>
        <CopyButton text={() => formatJson(value, 2)} />
      </div>
      {raw ? (
        <pre tabIndex={0}>{formatJson(value, 2)}</pre>
      ) : (
        <Node value={value} depth={0} />
      )}
    </section>
  )
}

export function CopyButton({ text, label = strings.copy }: { text: () => string; label?: string }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text())
      showToast('good', strings.copied)
    } catch {
      showToast('bad', strings.notCopied)
    }
  }
  return (
    <Button size="small" variant="quiet" icon="copy" onClick={() => void copy()}>
      {label}
    </Button>
  )
}
