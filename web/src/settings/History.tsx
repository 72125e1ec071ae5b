import { useState } from 'react'
import { explain } from '../data/explain'
import type { AuditEntry } from '../services/types'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { ErrorState, Skeleton } from '../ui/States'
import { Time } from '../ui/Time'
import { showToast } from '../ui/Toast'
import { tidyEdits, toForm } from './fields'
import { before, changesOf, type Change } from './history'
import type { Part } from './inputs'
import { show } from './show'

const text = strings.settings.history
const names = strings.settings.names

/* Who changed what, from what to what. It is asked for when somebody opens it. */
export function History({ settings }: Part) {
  const [open, setOpen] = useState(false)
  return (
    <section className="card card-pad settings-part" aria-labelledby="history">
      <div>
        <h2 id="history">{text.title}</h2>
        <p className="faint">{text.lead}</p>
      </div>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{text.show}</summary>
        {open && <Entries settings={settings} />}
      </details>
    </section>
  )
}

function Entries({ settings }: Part) {
  useWatch('history')
  const { data, error } = useOrgStore((state) => state.audit.settings)
  const refresh = useOrgStore((state) => state.refresh)
  const older = useOrgStore((state) => state.loadOlderSettingsHistory)
  if (data === null) {
    return error === null ? <Skeleton rows={3} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
  }
  if (data.entries.length === 0) {
    return <p className="faint">{text.none}</p>
  }
  return (
    <>
      <ol className="history">
        {data.entries.map((entry) => (
          <Entry key={entry.id} entry={entry} settings={settings} />
        ))}
      </ol>
      {data.cursor !== null && (
        <Button size="small" onClick={() => void older().catch((cause) => showToast('bad', explain(cause)))}>
          {text.older}
        </Button>
      )}
    </>
  )
}

function Entry({ entry, settings }: Part & { entry: AuditEntry }) {
  const changes = changesOf(entry)
  return (
    <li className="history-entry">
      <div className="history-head">
        <span>
          <strong>{entry.actor}</strong>{' '}
          <span className="faint">
            <Time value={entry.created_at} />
          </span>
        </span>
        <PutBack changes={changes} settings={settings} />
      </div>
      {changes.length === 0 ? (
        <p className="faint">{text.nothing}</p>
      ) : (
        <ul>
          {changes.map((change) => (
            <li key={change.name}>
              {names[change.name]}: <s>{show(change.name, change.from)}</s> <span aria-hidden="true">→</span>{' '}
              <span className="unseen">{text.becomes}</span> {show(change.name, change.to)}
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}

/* Fills the form with what was before the change; saving is another matter. */
function PutBack({ changes, settings }: Part & { changes: readonly Change[] }) {
  const earlier = before(changes)
  const edits = tidyEdits({ ...toForm(settings.base), ...settings.edits }, earlier)
  const count = Object.keys(edits).length
  const reason = Object.keys(earlier).length === 0 ? text.cannot : count === 0 ? text.same : undefined
  return (
    <Button
      size="small"
      icon="retry"
      reason={reason}
      onClick={() => {
        settings.fill(edits)
        showToast('good', text.filled(count))
      }}
    >
      {text.putBack}
    </Button>
  )
}
