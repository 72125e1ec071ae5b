import { Section } from '../data/Section'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Time } from '../ui/Time'
import { deedText } from './rules'

const words = strings.jobs.deeds

/* What people did to the job that is open, the latest first; nothing where nobody did anything. */
export function Deeds() {
  const history = useOrgStore((state) => state.audit.job.data)
  if (history === null || history.entries.length === 0) {
    return null
  }
  return (
    <Section title={words.title}>
      <ul className="deeds">
        {history.entries.map((entry) => (
          <li key={entry.id}>
            {deedText(entry)} {words.by(entry.actor)}{' '}
            <span className="faint">
              <Time value={entry.created_at} />
            </span>
          </li>
        ))}
      </ul>
      {history.cursor !== null && <p className="faint">{words.more}</p>}
    </Section>
  )
}
