import { lazy, Suspense, useMemo, type ReactNode } from 'react'
import '../data/data.css'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { Priority } from '../jobs/JobBadge'
import { PauseNotes } from '../jobs/Pauses'
import { shortId } from '../jobs/rules'
import type { JobCounts, JobStats, JobStatsMinute, JobStatsRunning, JobStatsWaiting, JobStatsWorker } from '../services/api'
import { formatHash } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { formatDuration, formatNumber } from '../ui/format'
import { Icon, type IconName } from '../ui/Icon'
import { ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Duration, Time } from '../ui/Time'
import { busyMinutes, ENDINGS, seriesOf, typeRows, type TypeRow } from './rules'

const Chart = lazy(() => import('./Chart'))
const words = strings.overview
const WORKERS_SHOWN = 20
const JOBS_SHOWN = 8

function Panel({ title, wide = false, children }: { title: string; wide?: boolean; children: ReactNode }) {
  return (
    <section className={wide ? 'panel panel-wide' : 'panel'} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  )
}

const number = (value: number) => <span className="numeric">{formatNumber(value)}</span>

/* ---- tiles ---- */

type TileName = keyof typeof words.tiles

interface TileProps {
  name: TileName
  icon: IconName
  value: string
  href?: string // where there is more to see
}

function Tile({ name, icon, value, href }: TileProps) {
  const bad = (name === 'failed' || name === 'dead') && value !== '0'
  const Element = href === undefined ? 'div' : 'a'
  return (
    <Element className={bad ? 'tile tile-bad' : 'tile'} href={href}>
      <span className="tile-name">
        <Icon name={icon} />
        {words.tiles[name]}
      </span>
      <span className="tile-value">{value}</span>
      <span className="tile-hint">{words.tileHints[name]}</span>
    </Element>
  )
}

function Tiles({ counts, stats }: { counts: JobCounts; stats: JobStats }) {
  const { queued, processing, completed, failed } = counts.by_status
  const jobs = (status: string): string => formatHash('jobs', { status })
  const depth = (n: number, capped: boolean): string => `${formatNumber(n)}${capped ? '+' : ''}`
  return (
    <section className="tiles" aria-label={words.now}>
      <Tile name="queued" icon="waiting" value={formatNumber(queued)} href={jobs('queued')} />
      <Tile name="processing" icon="running" value={formatNumber(processing)} href={jobs('processing')} />
      <Tile name="completed" icon="check" value={formatNumber(completed)} href={jobs('completed')} />
      <Tile name="failed" icon="cross" value={formatNumber(failed)} href={jobs('failed')} />
      <Tile
        name="dead"
        icon="dead"
        value={depth(stats.dead_letters, stats.dead_letters_capped)}
        href={formatHash('dead-letters')}
      />
      <Tile name="outbox" icon="send" value={depth(stats.outbox, stats.outbox_capped)} />
    </section>
  )
}

/* ---- the last hour ---- */

const MINUTE_COLUMNS: Column<JobStatsMinute>[] = [
  { key: 'minute', title: words.time, wide: true, cell: (row) => <Time value={row.minute} /> },
  ...ENDINGS.map(
    (ending): Column<JobStatsMinute> => ({
      key: ending,
      title: words.endings[ending],
      align: 'end',
      cell: (row) => number(row[ending]),
    }),
  ),
]

function HourPanel({ stats }: { stats: JobStats }) {
  const series = useMemo(() => seriesOf(stats.throughput), [stats.throughput])
  const busy = busyMinutes(stats.throughput)
  return (
    <>
      <p className="faint">{words.rateHelp}</p>
      <Suspense fallback={<div className="chart" />}>
        <Chart series={series} />
      </Suspense>
      <details>
        <summary>{words.asTable}</summary>
        {busy.length === 0 ? (
          <p className="faint">{words.rateNone}</p>
        ) : (
          <>
            <Table
              caption={words.rate}
              rows={busy}
              columns={MINUTE_COLUMNS}
              rowKey={(row) => row.minute}
              rowLabel={(row) => row.minute}
            />
            <p className="faint">{words.rateRest}</p>
          </>
        )}
      </details>
    </>
  )
}

/* ---- what fails ---- */

const TYPE_COLUMNS: Column<TypeRow>[] = [
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
  { key: 'completed', title: words.endings.completed, align: 'end', phone: 'hidden', cell: (row) => number(row.completed) },
  { key: 'failed', title: words.endings.failed, align: 'end', cell: (row) => number(row.failed) },
  { key: 'retried', title: words.endings.retried, align: 'end', cell: (row) => number(row.retried) },
  {
    key: 'kept',
    title: words.failedKept,
    align: 'end',
    cell: (row) =>
      row.kept === 0 ? (
        number(0)
      ) : (
        <a className="numeric" href={formatHash('jobs', { type: row.job_type, status: 'failed' })}>
          {formatNumber(row.kept)}
        </a>
      ),
  },
]

function TypesPanel({ counts, stats }: { counts: JobCounts; stats: JobStats }) {
  const rows = typeRows(stats.by_type, counts.by_type)
  if (rows.length === 0) {
    return <p className="faint">{words.failuresNone}</p>
  }
  return (
    <>
      <p className="faint">{words.failuresHelp}</p>
      <Table
        caption={words.failures}
        rows={rows}
        columns={TYPE_COLUMNS}
        rowKey={(row) => row.job_type}
        rowLabel={(row) => row.job_type}
      />
    </>
  )
}

/* ---- how long it takes ---- */

interface SpeedRow {
  key: string
  title: string
  median: number | null
  p95: number | null
}

const length = (ms: number | null) => <span className="numeric">{ms === null ? strings.data.none : formatDuration(ms)}</span>

const SPEED_COLUMNS: Column<SpeedRow>[] = [
  { key: 'title', title: words.measure, wide: true, cell: (row) => row.title },
  { key: 'median', title: words.median, align: 'end', cell: (row) => length(row.median) },
  { key: 'p95', title: words.p95, align: 'end', cell: (row) => length(row.p95) },
]

function SpeedPanel({ speed }: { speed: JobStats['speed'] }) {
  if (speed.jobs === 0) {
    return <p className="faint">{words.speedNone}</p>
  }
  const rows: SpeedRow[] = [
    { key: 'wait', title: words.wait, median: speed.wait_p50_ms, p95: speed.wait_p95_ms },
    { key: 'run', title: words.run, median: speed.run_p50_ms, p95: speed.run_p95_ms },
  ]
  return (
    <>
      <p className="faint">{words.speedOf(speed.jobs)}</p>
      <Table caption={words.speed} rows={rows} columns={SPEED_COLUMNS} rowKey={(row) => row.key} rowLabel={(row) => row.title} />
    </>
  )
}

/* ---- what waits, and what the workers do ---- */

const jobLink = (job: { job_id: string; job_type: string }) => (
  <>
    <a className="row-link" href={formatHash('jobs', { job: job.job_id })}>
      {job.job_type}
    </a>{' '}
    <code className="faint cell-id">{shortId(job.job_id)}</code>
  </>
)

const WAITING_COLUMNS: Column<JobStatsWaiting>[] = [
  { key: 'type', title: words.type, wide: true, cell: jobLink },
  { key: 'priority', title: strings.jobs.columns.priority, cell: (job) => <Priority value={job.priority} /> },
  { key: 'due', title: words.due, align: 'end', cell: (job) => <span className="numeric"><Time value={job.due_at} /></span> },
]

function WaitingPanel({ waiting }: { waiting: readonly JobStatsWaiting[] }) {
  if (waiting.length === 0) {
    return <p className="faint">{words.oldestNone}</p>
  }
  return (
    <Table
      caption={words.oldest}
      rows={waiting}
      columns={WAITING_COLUMNS}
      rowKey={(job) => job.job_id}
      rowLabel={(job) => job.job_id}
    />
  )
}

const RUNNING_COLUMNS: Column<JobStatsRunning>[] = [
  { key: 'type', title: words.type, wide: true, cell: jobLink },
  {
    key: 'progress',
    title: strings.jobs.drawer.progress,
    align: 'end',
    cell: (job) => <span className="numeric">{job.progress === null ? strings.data.none : `${job.progress} %`}</span>,
  },
  { key: 'for', title: strings.jobs.columns.duration, align: 'end', cell: (job) => <Duration from={job.started_at} /> },
]

function Worker({ worker: { worker, live, running, capacity, others, jobs } }: { worker: JobStatsWorker }) {
  const name = words.worker(worker)
  return (
    <div className="worker">
      <div className="worker-head">
        <h3>{name}</h3>
        {!live && <Badge tone="warn">{words.workerLost}</Badge>}
        <span className="faint">{capacity === null ? words.runs(running) : words.runsOf(running, capacity)}</span>
      </div>
      {jobs.length > 0 && (
        <Table
          caption={name}
          rows={jobs.slice(0, JOBS_SHOWN)}
          columns={RUNNING_COLUMNS}
          rowKey={(job) => job.job_id}
          rowLabel={(job) => job.job_id}
        />
      )}
      {jobs.length > JOBS_SHOWN && (
        <a href={formatHash('jobs', { status: 'processing' })}>{words.moreRunning(jobs.length - JOBS_SHOWN)}</a>
      )}
      {others > 0 && <p className="faint">{words.others(others)}</p>}
    </div>
  )
}

function WorkersPanel({ workers }: { workers: readonly JobStatsWorker[] }) {
  if (workers.length === 0) {
    return <p className="faint">{words.workersNone}</p>
  }
  const busiest = [...workers].sort((a, b) => b.jobs.length - a.jobs.length || b.running - a.running)
  return (
    <>
      {busiest.slice(0, WORKERS_SHOWN).map((worker) => (
        <Worker key={worker.worker} worker={worker} />
      ))}
      {busiest.length > WORKERS_SHOWN && <p className="faint">{words.moreWorkers(busiest.length - WORKERS_SHOWN)}</p>}
    </>
  )
}

function Panels({ counts, stats }: { counts: JobCounts; stats: JobStats }) {
  return (
    <>
      <Tiles counts={counts} stats={stats} />
      <div className="panels">
        <Panel title={words.rate} wide>
          <HourPanel stats={stats} />
        </Panel>
        <Panel title={words.failures}>
          <TypesPanel counts={counts} stats={stats} />
        </Panel>
        <Panel title={words.speed}>
          <SpeedPanel speed={stats.speed} />
        </Panel>
        <Panel title={words.oldest}>
          <WaitingPanel waiting={stats.waiting} />
        </Panel>
        <Panel title={words.workers}>
          <WorkersPanel workers={stats.workers} />
        </Panel>
      </div>
    </>
  )
}

export default function OverviewView() {
  const counts = useOrgStore((state) => state.jobs.counts)
  const stats = useOrgStore((state) => state.overview.stats)
  const refresh = useOrgStore((state) => state.refresh)
  const error = counts.error ?? stats.error
  useWatch('overview')
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
      </header>
      <PauseNotes />
      {counts.data !== null && stats.data !== null ? (
        <Panels counts={counts.data} stats={stats.data} />
      ) : error !== null ? (
        <ErrorState error={new Error(explain(error))} onRetry={refresh} />
      ) : (
        <Skeleton rows={6} />
      )}
    </>
  )
}
