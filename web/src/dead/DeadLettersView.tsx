import { useEffect, useState } from 'react'
import '../data/data.css'
import { useAct, useBulk } from '../data/act'
import { BulkBar } from '../data/BulkBar'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { Pager } from '../data/Pager'
import { hashWith, travel } from '../data/params'
import { useRowKeys, useSelection } from '../data/rows'
import { useTypeNames } from '../jobs/Filters'
import { JobDrawer } from '../jobs/JobDrawer'
import { shortId } from '../jobs/rules'
import type { DeadLetterList, DeadLettersReplayFilter, Job } from '../services/api'
import { formatHash, setParams, useRoute } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { Button } from '../ui/Button'
import { Confirm } from '../ui/Dialog'
import { SelectField } from '../ui/Field'
import { formatNumber } from '../ui/format'
import { EmptyState, ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Time } from '../ui/Time'
import { showToast } from '../ui/Toast'

const words = strings.dead
const PAGE = 50
const CAUSES = ['exhausted', 'permanent', 'unknown_type', 'unreadable', 'crashed_worker', 'signal'] as const

interface Filter {
  job_type: string | null
  cause: (typeof CAUSES)[number] | null
}

const filterOf = (params: URLSearchParams): Filter => ({
  job_type: params.get('type')?.trim() || null,
  cause: CAUSES.find((cause) => cause === params.get('cause')) ?? null,
})

const COLUMNS: Column<Job>[] = [
  {
    key: 'type',
    title: words.columns.type,
    cell: (job) => (
      <span className="cell-name">
        <a className="row-link" href={hashWith({ job: job.id })}>
          {job.job_type}
        </a>{' '}
        <code className="faint cell-id">{shortId(job.id)}</code>
      </span>
    ),
  },
  {
    key: 'cause',
    title: words.columns.cause,
    cell: (job) => <Badge tone="bad">{strings.jobs.cause(job.cause ?? '')}</Badge>,
  },
  {
    key: 'error',
    title: words.columns.error,
    wide: true,
    phone: 'hidden',
    cell: (job) => <span className="cell-text">{job.error_message}</span>,
  },
  {
    key: 'failed',
    title: words.columns.failed,
    cell: (job) => (
      <span className="numeric">
        <Time value={job.completed_at} />
      </span>
    ),
  },
  {
    key: 'attempts',
    title: words.columns.attempts,
    align: 'end',
    phone: 'hidden',
    cell: (job) => <span className="numeric">{job.attempt}</span>,
  },
]

function Filters({ params }: { params: URLSearchParams }) {
  const types = useTypeNames()
  const any = { value: '', label: strings.data.any }
  const { job_type, cause } = filterOf(params)
  const names = job_type !== null && !types.includes(job_type) ? [job_type, ...types] : types
  return (
    <section className="filters" aria-label={strings.data.filters}>
      <SelectField
        label={words.filter.type}
        options={[any, ...names.map((name) => ({ value: name, label: name }))]}
        value={job_type ?? ''}
        onChange={(event) => setParams({ type: event.target.value, cursor: null })}
      />
      <SelectField
        label={words.filter.cause}
        options={[any, ...CAUSES.map((each) => ({ value: each, label: strings.jobs.cause(each) }))]}
        value={cause ?? ''}
        onChange={(event) => setParams({ cause: event.target.value, cursor: null })}
      />
      {(job_type !== null || cause !== null) && (
        <Button variant="quiet" icon="cross" onClick={() => setParams({ type: null, cause: null, cursor: null })}>
          {strings.data.clearFilters}
        </Button>
      )}
    </section>
  )
}

/* Replays all that fit, however many there are. */
function ReplayAll({ filter, total }: { filter: Filter; total: string }) {
  const [asking, setAsking] = useState(false)
  const replay = useOrgStore((state) => state.replayMatchingDeadLetters)
  const { busy, act } = useAct()
  const body: DeadLettersReplayFilter =
    filter.job_type === null && filter.cause === null ? { all: true } : { ...filter }
  const confirm = async (): Promise<void> => {
    const went = await act(
      () => replay(body),
      (job) => {
        const run = () => (location.hash = formatHash('jobs', { job: job.id }))
        showToast('good', words.started, { label: strings.jobs.bulk.show, run })
        return null
      },
    )
    if (went) {
      setAsking(false)
    }
  }
  return (
    <>
      <Button size="small" icon="retry" onClick={() => setAsking(true)}>
        {words.replayAll(total)}
      </Button>
      <Confirm
        open={asking}
        title={words.confirmReplay(total)}
        action={words.replayAll(total)}
        busy={busy}
        onConfirm={() => void confirm()}
        onClose={() => setAsking(false)}
      >
        <p>{strings.jobs.bulk.text}</p>
      </Confirm>
    </>
  )
}

function Letters({ list, filter, cursor }: { list: DeadLetterList; filter: Filter; cursor: string | null }) {
  const ids = list.dead_letters.map((job) => job.id)
  const selection = useSelection(ids)
  const active = useRowKeys(ids, selection)
  const { progress, stop, run } = useBulk()
  const [discarding, setDiscarding] = useState(false)
  const replay = useOrgStore((state) => state.replaySelectedDeadLetters)
  const discard = useOrgStore((state) => state.discardSelectedDeadLetters)
  const chosen = [...selection.keys]
  const total = list.total_capped ? strings.data.pager.atLeast(list.total) : formatNumber(list.total)
  return (
    <>
      <div className="list-tools">
        <ReplayAll filter={filter} total={total} />
        <Pager
          text={strings.data.pager.shown(ids.length)}
          previous={strings.data.pager.toFirst}
          onPrevious={cursor === null ? null : () => travel({ cursor: null })}
          onNext={list.next_cursor === null ? null : () => travel({ cursor: list.next_cursor })}
        />
      </div>
      <Table
        caption={words.caption}
        rows={list.dead_letters}
        columns={COLUMNS}
        rowKey={(job) => job.id}
        rowLabel={(job) => `${job.job_type} ${shortId(job.id)}`}
        onOpen={(job) => travel({ job: job.id })}
        active={active}
        selection={selection}
      />
      <BulkBar count={selection.keys.size} progress={progress} onClear={selection.clear} onStop={stop}>
        <Button
          size="small"
          variant="primary"
          icon="retry"
          onClick={() => void run((options) => replay(chosen, options), words.bulkReplayed)}
        >
          {strings.jobs.replay}
        </Button>
        <Button size="small" icon="trash" onClick={() => setDiscarding(true)}>
          {strings.jobs.discard}
        </Button>
      </BulkBar>
      <Confirm
        open={discarding}
        title={words.confirmDiscard(chosen.length)}
        action={strings.jobs.discard}
        danger
        onConfirm={() => {
          setDiscarding(false)
          void run((options) => discard(chosen, options), words.bulkDiscarded)
        }}
        onClose={() => setDiscarding(false)}
      >
        <p>{words.discardText}</p>
      </Confirm>
    </>
  )
}

function Content({ filter, cursor }: { filter: Filter; cursor: string | null }) {
  const { data: list, error } = useOrgStore((state) => state.dead.list)
  const refresh = useOrgStore((state) => state.refresh)
  if (list === null) {
    return error === null ? <Skeleton rows={6} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
  }
  if (list.dead_letters.length === 0) {
    const state = filter.job_type === null && filter.cause === null ? words.empty : words.noMatch
    return (
      <EmptyState icon="check" title={state.title}>
        {state.text}
      </EmptyState>
    )
  }
  return <Letters list={list} filter={filter} cursor={cursor} />
}

export default function DeadLettersView() {
  const { params } = useRoute()
  const get = useOrgStore((state) => state.getDeadLetters)
  const open = useOrgStore((state) => state.openJob)
  const filter = filterOf(params)
  const cursor = params.get('cursor')
  const job = params.get('job')
  const { job_type, cause } = filter
  useEffect(() => {
    get({ job_type, cause, cursor, limit: PAGE }).catch(() => {}) // the list shows what is wrong
  }, [get, job_type, cause, cursor])
  useEffect(() => {
    open(job)
    return () => open(null)
  }, [open, job])
  useWatch('dead')
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
      </header>
      <p className="lead">{words.lead}</p>
      <Filters params={params} />
      <Content filter={filter} cursor={cursor} />
      <JobDrawer onClose={() => travel({ job: null })} />
    </>
  )
}
