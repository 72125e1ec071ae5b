import { lazy, Suspense, useMemo, type ReactNode } from 'react'
import '../data/data.css'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { JobBadge, Progress } from '../jobs/JobBadge'
import { PauseNotes } from '../jobs/Pauses'
import { shortId } from '../jobs/rules'
import type { Job, JobCounts, JobTypeCounts } from '../services/api'
import { formatHash } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { SKIP_MAX } from '../store/overview'
import { strings } from '../strings'
import { useNow } from '../ui/clock'
import { formatDuration, formatNumber } from '../ui/format'
import { Icon, type IconName } from '../ui/Icon'
import { ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Duration, Time } from '../ui/Time'
import { longestWaiting, seriesOf, speedOf, workersOf, type Series } from './rules'

const Chart = lazy(() => import('./Chart'))
const words = strings.overview
const OLDEST_SHOWN = 5
const WORKERS_SHOWN = 8
const READINGS_SHOWN = 20

function Panel({ title, wide = false, children }: { title: string; wide?: boolean; children: ReactNode }) {
  return (
    <section className={wide ? 'panel panel-wide' : 'panel'} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

type TileName = keyof typeof words.tiles

function Tile({ name, icon, value, href }: { name: TileName; icon: IconName; value: string | null; href: string }) {
  const bad = (name === 'failed' || name === 'dead') && value !== null && value !== '0'
  return (
    <a className={bad ? 'tile tile-bad' : 'tile'} href={href}>
      <span className="tile-name">
        <Icon name={icon} />
        {words.tiles[name]}
      </span>
      <span className="tile-value">{value ?? strings.data.none}</span>
      <span className="tile-hint">{words.tileHints[name]}</span>
    </a>
  )
}

function Tiles({ counts }: { counts: JobCounts }) {
  const dead = useOrgStore((state) => state.overview.dead.data)
  const { queued, processing, completed, failed } = counts.by_status
  const jobs = (status: string): string => formatHash('jobs', { status })
  const deadText = dead === null ? null : `${formatNumber(dead.total)}${dead.total_capped ? '+' : ''}`
  return (
    <section className="tiles" aria-label={words.now}>
      <Tile name="queued" icon="waiting" value={formatNumber(queued)} href={jobs('queued')} />
      <Tile name="processing" icon="running" value={formatNumber(processing)} href={jobs('processing')} />
      <Tile name="completed" icon="check" value={formatNumber(completed)} href={jobs('completed')} />
      <Tile name="failed" icon="cross" value={formatNumber(failed)} href={jobs('failed')} />
      <Tile name="dead" icon="dead" value={deadText} href={formatHash('dead-letters')} />
    </section>
  )
}

interface SpeedRow {
  key: string
  title: string
  median: number | null
  p95: number | null
}

const length = (ms: number | null) => (
  <span className="numeric">{ms === null ? strings.data.none : formatDuration(ms)}</span>
)

const SPEED_COLUMNS: Column<SpeedRow>[] = [
  { key: 'title', title: words.measure, wide: true, cell: (row) => row.title },
  { key: 'median', title: words.median, align: 'end', cell: (row) => length(row.median) },
  { key: 'p95', title: words.p95, align: 'end', cell: (row) => length(row.p95) },
]

function SpeedPanel() {
  const recent = useOrgStore((state) => state.overview.recent.data)
  const speed = useMemo(() => speedOf(recent?.jobs ?? []), [recent])
  if (speed.count === 0) {
    return <p className="faint">{words.speedNone}</p>
  }
  const rows: SpeedRow[] = [
    { key: 'wait', title: words.wait, ...speed.wait },
    { key: 'run', title: words.run, ...speed.run },
  ]
  return (
    <>
      <p className="faint">{words.speedOf(speed.count)}</p>
      <Table
        caption={words.speed}
        rows={rows}
        columns={SPEED_COLUMNS}
        rowKey={(row) => row.key}
        rowLabel={(row) => row.title}
      />
    </>
  )
}

const TYPE_COLUMNS: Column<JobTypeCounts>[] = [
  {
    key: 'type',
    title: words.type,
    wide: true,
    cell: (row) => (
      <a className="row-link" href={formatHash('jobs', { type: row.job_type })}>
        {row.job_type}
      </a>
    ),
  },
  ...(['queued', 'processing', 'completed', 'failed'] as const).map((status): Column<JobTypeCounts> => ({
    key: status,
    title: words.tiles[status],
    align: 'end',
    ...(status === 'processing' && { phone: 'hidden' as const }),
    cell: (row) =>
      status === 'failed' && row.failed > 0 ? (
        <a className="numeric" href={formatHash('jobs', { type: row.job_type, status })}>
          {formatNumber(row.failed)}
        </a>
      ) : (
        <span className="numeric">{formatNumber(row[status])}</span>
      ),
  })),
]

function TypesPanel({ counts }: { counts: JobCounts }) {
  const rows = [...counts.by_type].sort((a, b) => b.failed - a.failed || a.job_type.localeCompare(b.job_type))
  if (rows.length === 0) {
    return <p className="faint">{words.failuresNone}</p>
  }
  return (
    <Table
      caption={words.failures}
      rows={rows}
      columns={TYPE_COLUMNS}
      rowKey={(row) => row.job_type}
      rowLabel={(row) => row.job_type}
    />
  )
}

const jobLink = (job: Job) => (
  <>
    <a className="row-link" href={formatHash('jobs', { job: job.id })}>
      {job.job_type}
    </a>{' '}
    <code className="faint cell-id">{shortId(job.id)}</code>
  </>
)

const WAITING_COLUMNS: Column<Job>[] = [
  { key: 'status', title: strings.jobs.columns.status, cell: (job) => <JobBadge job={job} /> },
  { key: 'type', title: words.type, wide: true, cell: jobLink },
  {
    key: 'age',
    title: strings.jobs.columns.age,
    cell: (job) => (
      <span className="numeric">
        <Time value={job.created_at} />
      </span>
    ),
  },
]

function WaitingPanel({ queued }: { queued: number }) {
  const waiting = useOrgStore((state) => state.overview.waiting.data)
  const now = useNow(10_000)
  const rows = longestWaiting(waiting?.jobs ?? [], now, OLDEST_SHOWN)
  if (rows.length === 0) {
    return <p className="faint">{words.oldestNone}</p>
  }
  return (
    <>
      {queued > SKIP_MAX && <p className="faint">{words.oldestDeep}</p>}
      <Table
        caption={words.oldest}
        rows={rows}
        columns={WAITING_COLUMNS}
        rowKey={(job) => job.id}
        rowLabel={(job) => job.id}
      />
    </>
  )
}

const RUNNING_COLUMNS: Column<Job>[] = [
  {
    key: 'type',
    title: words.type,
    wide: true,
    cell: (job) => (
      <>
        {jobLink(job)}
        <Progress job={job} />
      </>
    ),
  },
  { key: 'for', title: strings.jobs.columns.duration, align: 'end', cell: (job) => <Duration from={job.started_at} /> },
]

function WorkersPanel() {
  const running = useOrgStore((state) => state.overview.running.data)
  const workers = workersOf(running?.jobs ?? []).slice(0, WORKERS_SHOWN)
  if (workers.length === 0) {
    return <p className="faint">{words.workersNone}</p>
  }
  return workers.map(({ id, jobs }) => {
    const name = words.worker(id ?? words.noWorkerId)
    return (
      <div key={id}>
        <h3 className="faint">{name}</h3>
        <Table
          caption={name}
          rows={jobs}
          columns={RUNNING_COLUMNS}
          rowKey={(job) => job.id}
          rowLabel={(job) => job.id}
        />
      </div>
    )
  })
}

interface Reading {
  key: string
  at: string
  queued: number
  processing: number
  finished: number | null
}

const number = (value: number | null) => (
  <span className="numeric">{value === null ? strings.data.none : formatNumber(value)}</span>
)

const READING_COLUMNS: Column<Reading>[] = [
  { key: 'at', title: words.time, wide: true, cell: (row) => <Time value={row.at} /> },
  { key: 'queued', title: words.series.queued, align: 'end', cell: (row) => number(row.queued) },
  { key: 'processing', title: words.series.processing, align: 'end', cell: (row) => number(row.processing) },
  { key: 'finished', title: words.series.finished, align: 'end', cell: (row) => number(row.finished) },
]

function readingsOf({ at, queued, processing, finished }: Series): Reading[] {
  const rows = at.map((seconds, i) => ({
    key: String(seconds),
    at: new Date(seconds * 1000).toISOString(),
    queued: queued[i] ?? 0,
    processing: processing[i] ?? 0,
    finished: finished[i] ?? null,
  }))
  return rows.reverse().slice(0, READINGS_SHOWN)
}

function RatePanel() {
  const samples = useOrgStore((state) => state.overview.samples)
  const series = useMemo(() => seriesOf(samples), [samples])
  if (samples.length < 2) {
    return <p className="faint chart">{words.rateWait}</p>
  }
  return (
    <>
      <p className="faint">{words.rateHelp}</p>
      <Suspense fallback={<div className="chart" />}>
        <Chart series={series} />
      </Suspense>
      <details>
        <summary>{words.asTable}</summary>
        <Table
          caption={words.rate}
          rows={readingsOf(series)}
          columns={READING_COLUMNS}
          rowKey={(row) => row.key}
          rowLabel={(row) => row.at}
        />
      </details>
    </>
  )
}

function Panels({ counts }: { counts: JobCounts }) {
  return (
    <>
      <Tiles counts={counts} />
      <div className="panels">
        <Panel title={words.rate} wide>
          <RatePanel />
        </Panel>
        <Panel title={words.failures}>
          <TypesPanel counts={counts} />
        </Panel>
        <Panel title={words.speed}>
          <SpeedPanel />
        </Panel>
        <Panel title={words.oldest}>
          <WaitingPanel queued={counts.by_status.queued} />
        </Panel>
        <Panel title={words.workers}>
          <WorkersPanel />
        </Panel>
      </div>
    </>
  )
}

export default function OverviewView() {
  const { data: counts, error } = useOrgStore((state) => state.jobs.counts)
  const refresh = useOrgStore((state) => state.refresh)
  useWatch('overview')
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
      </header>
      <PauseNotes />
      {counts !== null ? (
        <Panels counts={counts} />
      ) : error !== null ? (
        <ErrorState error={new Error(explain(error))} onRetry={refresh} />
      ) : (
        <Skeleton rows={6} />
      )}
    </>
  )
}
