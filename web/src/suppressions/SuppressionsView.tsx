import { useEffect, useState } from 'react'
import '../data/data.css'
import { useAct } from '../data/act'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { Pager } from '../data/Pager'
import { travel } from '../data/params'
import { useRowKeys } from '../data/rows'
import type { Suppression, SuppressionFilter, SuppressionList } from '../services/api'
import { formatHash, setParams, useRoute } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Badge, type Tone } from '../ui/Badge'
import { Button } from '../ui/Button'
import { Confirm } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import type { IconName } from '../ui/Icon'
import { EmptyState, ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Time } from '../ui/Time'
import { AddSuppression } from './AddSuppression'

const words = strings.suppressions
const PAGE = 50
const NAMES = ['address', 'channel', 'reason'] as const

const LOOKS: Record<string, { tone: Tone; icon: IconName }> = {
  bounce: { tone: 'bad', icon: 'retry' },
  complaint: { tone: 'bad', icon: 'alert' },
  unsubscribe: { tone: 'warn', icon: 'suppressions' },
  manual: { tone: 'neutral', icon: 'edit' },
}

const known = (value: string | null, values: Record<string, string>): string | null =>
  value !== null && value in values ? value : null

const filterOf = (params: URLSearchParams): SuppressionFilter => ({
  address: params.get('address')?.trim() || null,
  channel: known(params.get('channel'), words.channels),
  reason: known(params.get('reason'), words.reasons),
  cursor: params.get('cursor'),
  limit: PAGE,
})

const keyOf = ({ channel, address }: Suppression): string => `${channel} ${address}`

const columnsOf = (onRemove: (row: Suppression) => void): Column<Suppression>[] => [
  { key: 'address', title: words.columns.address, cell: (each) => <span className="cell-address">{each.address}</span> },
  {
    key: 'reason',
    title: words.columns.reason,
    cell: (each) => <Badge {...LOOKS[each.reason]}>{words.reasons[each.reason] ?? each.reason}</Badge>,
  },
  {
    key: 'channel',
    title: words.columns.channel,
    phone: 'hidden',
    cell: (each) => <span className="numeric">{words.channels[each.channel] ?? each.channel}</span>,
  },
  {
    key: 'note',
    title: words.columns.note,
    wide: true,
    phone: 'hidden',
    cell: (each) => (
      <span className="cell-text">
        {each.note}{' '}
        {each.delivery_id !== null && <a href={formatHash('deliveries', { delivery: each.delivery_id })}>{words.delivery}</a>}
      </span>
    ),
  },
  {
    key: 'since',
    title: words.columns.since,
    phone: 'hidden',
    cell: (each) => (
      <span className="numeric">
        <Time value={each.created_at} />
      </span>
    ),
  },
  {
    key: 'by',
    title: words.columns.by,
    phone: 'hidden',
    cell: (each) => each.created_by ?? <span className="faint">{words.automatic}</span>,
  },
  {
    key: 'remove',
    title: words.remove,
    align: 'end',
    cell: (each) => (
      <Button
        size="small"
        variant="quiet"
        icon="trash"
        aria-label={words.removeOne(each.address)}
        title={words.removeOne(each.address)}
        onClick={() => onRemove(each)}
      />
    ),
  },
]

function Address({ given }: { given: string }) {
  const [text, setText] = useState(given)
  useEffect(() => setText(given), [given])
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        setParams({ address: text.trim(), cursor: null })
      }}
    >
      <TextField
        type="search"
        label={words.columns.address}
        value={text}
        maxLength={254}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => {
          setText(event.target.value)
          if (event.target.value === '') {
            setParams({ address: null, cursor: null })
          }
        }}
      />
    </form>
  )
}

function Filters({ params }: { params: URLSearchParams }) {
  const filter = filterOf(params)
  const any = { value: '', label: strings.data.any }
  const select = (name: 'channel' | 'reason', names: Record<string, string>) => (
    <SelectField
      label={words.columns[name]}
      options={[any, ...Object.entries(names).map(([value, label]) => ({ value, label }))]}
      value={filter[name] ?? ''}
      onChange={(event) => setParams({ [name]: event.target.value, cursor: null })}
    />
  )
  return (
    <section className="filters" aria-label={strings.data.filters}>
      <Address given={filter.address ?? ''} />
      {select('channel', words.channels)}
      {select('reason', words.reasons)}
      {NAMES.some((name) => params.has(name)) && (
        <Button variant="quiet" icon="cross" onClick={() => setParams({ address: null, channel: null, reason: null, cursor: null })}>
          {strings.data.clearFilters}
        </Button>
      )}
    </section>
  )
}

function Remove({ row, onClose }: { row: Suppression; onClose: () => void }) {
  const remove = useOrgStore((state) => state.removeSuppression)
  const { busy, act } = useAct()
  const run = async () => {
    await act(() => remove(row.channel, row.address), () => words.removed(row.address))
    onClose()
  }
  return (
    <Confirm
      open
      danger
      title={words.removeTitle(row.address)}
      action={words.removeAction}
      busy={busy}
      onClose={onClose}
      onConfirm={() => void run()}
    >
      <p>{words.removeText[row.reason]}</p>
    </Confirm>
  )
}

function Rows({ list, cursor }: { list: SuppressionList; cursor: string | null }) {
  const [removing, setRemoving] = useState<Suppression | null>(null)
  const active = useRowKeys(list.suppressions.map(keyOf))
  return (
    <>
      <div className="list-tools">
        <Pager
          text={strings.data.pager.shown(list.suppressions.length)}
          previous={strings.data.pager.toFirst}
          onPrevious={cursor === null ? null : () => travel({ cursor: null })}
          onNext={list.next_cursor === null ? null : () => travel({ cursor: list.next_cursor })}
        />
      </div>
      <Table
        caption={words.caption}
        rows={list.suppressions}
        columns={columnsOf(setRemoving)}
        rowKey={keyOf}
        rowLabel={(each) => each.address}
        active={active}
      />
      {removing !== null && <Remove row={removing} onClose={() => setRemoving(null)} />}
    </>
  )
}

function Content({ params }: { params: URLSearchParams }) {
  const { data: list, error } = useOrgStore((state) => state.suppressions.list)
  const refresh = useOrgStore((state) => state.refresh)
  if (list === null) {
    return error === null ? <Skeleton rows={6} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
  }
  if (list.suppressions.length === 0) {
    const state = NAMES.some((name) => params.has(name)) ? words.noMatch : words.empty
    return (
      <EmptyState icon="suppressions" title={state.title}>
        {state.text}
      </EmptyState>
    )
  }
  return <Rows list={list} cursor={params.get('cursor')} />
}

export default function SuppressionsView() {
  const { params } = useRoute()
  const get = useOrgStore((state) => state.getSuppressions)
  const [adding, setAdding] = useState(false)
  const place = JSON.stringify(filterOf(params))
  useEffect(() => {
    get(JSON.parse(place) as SuppressionFilter).catch(() => {}) // the list shows what is wrong
  }, [get, place])
  useWatch('suppressions')
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
        <Button icon="plus" onClick={() => setAdding(true)}>
          {words.add}
        </Button>
      </header>
      <p className="lead">{words.lead}</p>
      <Filters params={params} />
      <Content params={params} />
      {adding && <AddSuppression onClose={() => setAdding(false)} />}
    </>
  )
}
