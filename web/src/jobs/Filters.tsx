import { useEffect, useState } from 'react'
import { travel } from '../data/params'
import { setParams } from '../shell/route'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { SelectField, TextField } from '../ui/Field'
import { priorityText } from './JobBadge'
import { isJobId } from './rules'

const words = strings.jobs.filter
const PRIORITIES = [
  { value: '', label: strings.data.any },
  ...[1, 0, -1].map((each) => ({ value: String(each), label: priorityText(each) })),
]

/* What is typed filters by type once it is one that there is, or with Enter; an id opens its job. */
function Search({ params, types }: { params: URLSearchParams; types: readonly string[] }) {
  const given = params.get('type') ?? ''
  const [text, setText] = useState(given)
  useEffect(() => setText(given), [given])
  const apply = (value: string): void => {
    if (isJobId(value)) {
      setText(given)
      travel({ job: value.trim().toLowerCase() })
    } else if (value.trim() !== given) {
      setParams({ type: value.trim() || null, page: null })
    }
  }
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        apply(text)
      }}
    >
      <TextField
        type="search"
        label={words.search}
        list="job-types"
        value={text}
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
        placeholder={words.searchHint}
        onChange={({ target: { value } }) => {
          setText(value)
          if (value === '' || types.includes(value) || isJobId(value)) {
            apply(value)
          }
        }}
      />
      <datalist id="job-types">
        {types.map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
    </form>
  )
}

/* The types that there are jobs of, most of them first, then those that could be created. */
export function useTypeNames(): readonly string[] {
  const counts = useOrgStore((state) => state.jobs.counts.data)
  const types = useOrgStore((state) => state.jobs.types.data)
  const load = useOrgStore((state) => state.loadJobTypes)
  useEffect(() => {
    if (types === null) {
      load().catch(() => {}) // suggestions only; the list says what is wrong
    }
  }, [types, load])
  const used = (counts?.by_type ?? []).map((each) => each.job_type)
  return [...new Set([...used, ...(types ?? []).map((each) => each.name)])]
}

export function Filters({ params }: { params: URLSearchParams }) {
  const types = useTypeNames()
  const set = (name: string) => (event: { target: { value: string } }) =>
    setParams({ [name]: event.target.value || null, page: null })
  const active = ['type', 'priority', 'from', 'to'].some((name) => params.has(name))
  return (
    <section className="filters" aria-label={strings.data.filters}>
      <Search params={params} types={types} />
      <SelectField
        label={words.priority}
        options={PRIORITIES}
        value={params.get('priority') ?? ''}
        onChange={set('priority')}
      />
      <details open={params.has('from') || params.has('to') || undefined}>
        <summary>{words.dates}</summary>
        <div>
          <TextField type="datetime-local" label={words.from} value={params.get('from') ?? ''} onChange={set('from')} />
          <TextField type="datetime-local" label={words.to} value={params.get('to') ?? ''} onChange={set('to')} />
        </div>
      </details>
      {active && (
        <Button
          variant="quiet"
          icon="cross"
          onClick={() => setParams({ type: null, priority: null, from: null, to: null, page: null })}
        >
          {strings.data.clearFilters}
        </Button>
      )}
    </section>
  )
}
