import { useEffect, useState } from 'react'
import '../data/data.css'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { Pager } from '../data/Pager'
import { hashWith, travel } from '../data/params'
import { useRowKeys } from '../data/rows'
import type { Delivery, DeliveryFilter, DeliveryList } from '../services/api'
import { setParams, useRoute } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { SelectField, TextField } from '../ui/Field'
import { EmptyState, ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Time } from '../ui/Time'
import { DeliveryBadge } from './DeliveryBadge'
import { DeliveryDrawer } from './DeliveryDrawer'

const words = strings.deliveries
const PAGE = 50
const NAMES = ['state', 'channel', 'event', 'address'] as const
const STATES = ['queued', 'held', 'sent', 'delivered', 'opened', 'bounced', 'complained', 'failed']
const CHANNELS = ['email', 'sms', 'slack', 'webhook']

const known = (value: string | null, values: readonly string[]): string | null =>
  value !== null && values.includes(value) ? value : null

const filterOf = (params: URLSearchParams): DeliveryFilter => ({
  state: known(params.get('state'), STATES),
  channel: known(params.get('channel'), CHANNELS),
  event: known(params.get('event'), Object.keys(words.events)),
  address: params.get('address')?.trim() || null,
  cursor: params.get('cursor'),
  limit: PAGE,
})

const COLUMNS: Column<Delivery>[] = [
  { key: 'state', title: words.columns.state, cell: (each) => <DeliveryBadge delivery={each} /> },
  {
    key: 'event',
    title: words.columns.event,
    cell: (each) => (
      <a className="row-link" href={hashWith({ delivery: each.id })}>
        {words.events[each.event] ?? each.event}
      </a>
    ),
  },
  { key: 'to', title: words.columns.to, wide: true, cell: (each) => <span className="cell-text">{each.address}</span> },
  {
    key: 'channel',
    title: words.columns.channel,
    phone: 'hidden',
    cell: (each) => <span className="numeric">{words.channels[each.channel] ?? each.channel}</span>,
  },
  {
    key: 'provider',
    title: words.columns.provider,
    phone: 'hidden',
    cell: (each) => each.provider ?? strings.data.none,
  },
  {
    key: 'created',
    title: words.columns.created,
    cell: (each) => (
      <span className="numeric">
        <Time value={each.created_at} />
      </span>
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
        label={words.filter.address}
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
  const select = (name: 'state' | 'channel' | 'event', values: readonly string[], names: Record<string, string>) => (
    <SelectField
      label={words.filter[name]}
      options={[any, ...values.map((value) => ({ value, label: names[value] ?? value }))]}
      value={filter[name] ?? ''}
      onChange={(event) => setParams({ [name]: event.target.value, cursor: null })}
    />
  )
  return (
    <section className="filters" aria-label={strings.data.filters}>
      <Address given={filter.address ?? ''} />
      {select('state', STATES, words.states)}
      {select('channel', CHANNELS, words.channels)}
      {select('event', Object.keys(words.events), words.events)}
      {NAMES.some((name) => params.has(name)) && (
        <Button
          variant="quiet"
          icon="cross"
          onClick={() => setParams({ state: null, channel: null, event: null, address: null, cursor: null })}
        >
          {strings.data.clearFilters}
        </Button>
      )}
    </section>
  )
}

function Deliveries({ list, cursor }: { list: DeliveryList; cursor: string | null }) {
  const active = useRowKeys(list.deliveries.map((each) => each.id))
  return (
    <>
      <div className="list-tools">
        <Pager
          text={strings.data.pager.shown(list.deliveries.length)}
          previous={strings.data.pager.toFirst}
          onPrevious={cursor === null ? null : () => travel({ cursor: null })}
          onNext={list.next_cursor === null ? null : () => travel({ cursor: list.next_cursor })}
        />
      </div>
      <Table
        caption={words.caption}
        rows={list.deliveries}
        columns={COLUMNS}
        rowKey={(each) => each.id}
        rowLabel={(each) => each.address}
        onOpen={(each) => travel({ delivery: each.id })}
        active={active}
      />
    </>
  )
}

function Content({ params }: { params: URLSearchParams }) {
  const { data: list, error } = useOrgStore((state) => state.deliveries.list)
  const refresh = useOrgStore((state) => state.refresh)
  if (list === null) {
    return error === null ? <Skeleton rows={6} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
  }
  if (list.deliveries.length === 0) {
    const state = NAMES.some((name) => params.has(name)) ? words.noMatch : words.empty
    return (
      <EmptyState icon="deliveries" title={state.title}>
        {state.text}
      </EmptyState>
    )
  }
  return <Deliveries list={list} cursor={params.get('cursor')} />
}

export default function DeliveriesView() {
  const { params } = useRoute()
  const get = useOrgStore((state) => state.getDeliveries)
  const open = useOrgStore((state) => state.openDelivery)
  const delivery = params.get('delivery')
  const place = JSON.stringify(filterOf(params))
  useEffect(() => {
    get(JSON.parse(place) as DeliveryFilter).catch(() => {}) // the list shows what is wrong
  }, [get, place])
  useEffect(() => {
    open(delivery)
    return () => open(null)
  }, [open, delivery])
  useWatch('deliveries')
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
      </header>
      <p className="lead">{words.lead}</p>
      <Filters params={params} />
      <Content params={params} />
      <DeliveryDrawer onClose={() => travel({ delivery: null })} />
    </>
  )
}
