import { useEffect, useState } from 'react'
import '../data/data.css'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { Pager } from '../data/Pager'
import { hashWith, travel } from '../data/params'
import { useRowKeys, useSelection } from '../data/rows'
import type { Job, JobList } from '../services/api'
import { useRoute } from '../shell/route'
import type { JobQuery } from '../store/jobs'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { formatNumber } from '../ui/format'
import { EmptyState, ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Duration, Time } from '../ui/Time'
import { MatchingJobs, SelectedJobs } from './BulkJobs'
import { Filters } from './Filters'
import { JobBadge, Priority, Progress, TypeName } from './JobBadge'
import { JobDrawer } from './JobDrawer'
import { PauseDialog, PauseNotes } from './Pauses'
import { isFiltered, PAGE, queryOf } from './query'
import { holdRows, shortId, span } from './rules'
import { StateTabs } from './StateTabs'

const words = strings.jobs

function columnsOf(gone: ReadonlySet<string>): Column<Job>[] {
  const titles = words.columns
  return [
    { key: 'status', title: titles.status, cell: (job) => <JobBadge job={job} gone={gone.has(job.id)} /> },
    {
      key: 'type',
      title: titles.type,
      wide: true,
      cell: (job) => (
        <>
          <a className="row-link" href={hashWith({ job: job.id })}>
            <TypeName name={job.job_type} />
          </a>{' '}
          <code className="faint cell-id">{shortId(job.id)}</code>
          <Progress job={job} />
        </>
      ),
    },
    { key: 'priority', title: titles.priority, phone: 'hidden', cell: (job) => <Priority value={job.priority} /> },
    {
      key: 'age',
      title: titles.age,
      cell: (job) => (
        <span className="numeric">
          <Time value={job.created_at} />
        </span>
      ),
    },
    {
      key: 'duration',
      title: titles.duration,
      align: 'end',
      phone: 'hidden',
      cell: (job) => <Duration from={span(job)?.from} to={span(job)?.to} />,
    },
    {
      key: 'attempts',
      title: titles.attempts,
      align: 'end',
      phone: 'hidden',
      cell: (job) => <span className="numeric">{words.attempts(job.attempt, job.max_retries + 1)}</span>,
    },
  ]
}

/* Rows as they are shown: while somebody is at them none appears, goes or moves, but each shows its latest state. */
function useHeld(rows: readonly Job[], hold: boolean, place: string) {
  const [base, setBase] = useState({ rows, place })
  const fresh = !hold || base.place !== place
  if (fresh && base.rows !== rows) {
    setBase({ rows, place })
  }
  const held = holdRows(fresh ? rows : base.rows, rows)
  return { ...held, release: () => setBase({ rows, place }) }
}

const totalText = ({ total, total_capped }: JobList): string =>
  total_capped ? strings.data.pager.atLeast(total) : formatNumber(total)

function JobTable({ list, query }: { list: JobList; query: JobQuery }) {
  const [near, setNear] = useState(false)
  const [chosen, setChosen] = useState(false)
  const { rows, added, gone, release } = useHeld(list.jobs, near || chosen, JSON.stringify(query))
  const ids = rows.map((job) => job.id)
  const selection = useSelection(ids)
  const active = useRowKeys(ids, selection)
  useEffect(() => setChosen(selection.keys.size > 0), [selection.keys.size])
  const { range } = strings.data.pager
  const page = list.skip / PAGE + 1
  const to = (n: number) => () => travel({ page: n === 1 ? null : String(n) })
  return (
    <>
      {/* The tools belong to it: on its way to the button that shows what is new the pointer must not let it go. */}
      <div onPointerLeave={() => setNear(false)}>
        <div className="list-tools">
          <MatchingJobs query={query} total={totalText(list)} />
          {added > 0 && (
            <Button size="small" icon="down" onClick={release}>
              {strings.data.held(added)}
            </Button>
          )}
          <Pager
            text={range(list.skip + 1, list.skip + list.jobs.length, totalText(list))}
            onPrevious={page > 1 ? to(page - 1) : null}
            onNext={list.next_cursor !== null ? to(page + 1) : null}
          />
        </div>
        {/* A pointer that moves over the rows is somebody at them; one that rests where the rows came to be is not. */}
        <div onPointerMove={() => setNear(true)}>
          <Table
            caption={words.caption}
            rows={rows}
            columns={columnsOf(gone)}
            rowKey={(job) => job.id}
            rowLabel={(job) => `${job.job_type} ${shortId(job.id)}`}
            onOpen={(job) => travel({ job: job.id })}
            active={active}
            selection={selection}
          />
        </div>
      </div>
      <SelectedJobs jobs={rows} selection={selection} />
    </>
  )
}

function Content({ query }: { query: JobQuery }) {
  const { data: list, error, loading } = useOrgStore((state) => state.jobs.list)
  const refresh = useOrgStore((state) => state.refresh)
  if (list === null) {
    return error === null ? <Skeleton rows={8} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
  }
  if (list.jobs.length === 0) {
    const filtered = isFiltered(query) || query.status !== undefined || query.skip > 0
    const state = filtered ? words.noMatch : words.empty
    return (
      <EmptyState icon="jobs" title={state.title}>
        {state.text}
      </EmptyState>
    )
  }
  return (
    <div className={loading ? 'list-loading' : undefined} aria-busy={loading}>
      <JobTable list={list} query={query} />
    </div>
  )
}

/* The list that the address asks for, and the job that it names. */
function useAddress(params: URLSearchParams): JobQuery {
  const get = useOrgStore((state) => state.getBackgroundJobs)
  const open = useOrgStore((state) => state.openJob)
  const address = new URLSearchParams(params)
  address.delete('job')
  const place = address.toString()
  const job = params.get('job')
  useEffect(() => {
    const { status, skip, limit, ...filter } = queryOf(new URLSearchParams(place))
    get(status, skip, limit, filter).catch(() => {}) // the list shows what is wrong
  }, [get, place])
  useEffect(() => {
    open(job)
    return () => open(null)
  }, [open, job])
  return queryOf(params)
}

export default function JobsView() {
  const { params } = useRoute()
  const query = useAddress(params)
  const counts = useOrgStore((state) => state.jobs.counts.data)
  const loadGates = useOrgStore((state) => state.loadGates)
  const [pausing, setPausing] = useState(false)
  useWatch('jobs')
  useEffect(() => {
    loadGates().catch(() => {}) // notes above the list; the list itself tells of trouble
  }, [loadGates, counts])
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
        <Button size="small" icon="pause" onClick={() => setPausing(true)}>
          {words.pause}
        </Button>
      </header>
      <PauseNotes />
      <StateTabs counts={counts} status={query.status} type={query.job_type} />
      <Filters params={params} />
      <Content query={query} />
      <JobDrawer onClose={() => travel({ job: null })} />
      <PauseDialog open={pausing} onClose={() => setPausing(false)} />
    </>
  )
}
