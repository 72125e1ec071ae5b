import { useEffect, useState } from 'react'
import '../data/data.css'
import './templates.css'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { hashWith, travel } from '../data/params'
import { useRowKeys } from '../data/rows'
import { NotFoundError, type TemplateSummary } from '../services/api'
import { setParams, useRoute } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { Button } from '../ui/Button'
import { SelectField } from '../ui/Field'
import { ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Time } from '../ui/Time'
import { AddLanguage } from './AddLanguage'
import { languageOf, sorted } from './rules'
import { TemplateEditor, titleOf } from './TemplateEditor'

const words = strings.templates
const { events, channels } = strings.deliveries

const COLUMNS: Column<TemplateSummary>[] = [
  {
    key: 'event',
    title: words.columns.event,
    cell: (each) => (
      <>
        <a className="row-link" href={hashWith({ template: each.template })}>
          {events[each.event] ?? each.event}
        </a>
        <span className="faint on-phone">
          {channels[each.channel] ?? each.channel}, {languageOf(each.locale)}
        </span>
      </>
    ),
  },
  {
    key: 'channel',
    title: words.columns.channel,
    phone: 'hidden',
    cell: (each) => <span className="cell-name">{channels[each.channel] ?? each.channel}</span>,
  },
  {
    key: 'locale',
    title: words.columns.locale,
    phone: 'hidden',
    cell: (each) => <span className="cell-name">{languageOf(each.locale)}</span>,
  },
  {
    key: 'subject',
    title: words.columns.subject,
    wide: true,
    phone: 'hidden',
    cell: (each) => <span className="cell-text faint">{each.subject ?? strings.data.none}</span>,
  },
  {
    key: 'source',
    title: words.columns.source,
    cell: (each) =>
      each.source === 'organization' ? (
        <Badge tone="info" icon="edit">
          {words.own}
        </Badge>
      ) : (
        <span className="faint">{words.default}</span>
      ),
  },
  {
    key: 'changed',
    title: words.columns.changed,
    phone: 'hidden',
    cell: (each) => (
      <span className="numeric">
        <Time value={each.updated_at} />
      </span>
    ),
  },
]

function Filters({ list, params }: { list: readonly TemplateSummary[]; params: URLSearchParams }) {
  const any = { value: '', label: strings.data.any }
  const select = (name: 'event' | 'channel', names: Record<string, string>) => (
    <SelectField
      label={words.columns[name]}
      options={[any, ...[...new Set(list.map((each) => each[name] as string))].map((value) => ({ value, label: names[value] ?? value }))]}
      value={params.get(name) ?? ''}
      onChange={(event) => setParams({ [name]: event.target.value })}
    />
  )
  return (
    <section className="filters" aria-label={strings.data.filters}>
      {select('event', events)}
      {select('channel', channels)}
      {(params.has('event') || params.has('channel')) && (
        <Button variant="quiet" icon="cross" onClick={() => setParams({ event: null, channel: null })}>
          {strings.data.clearFilters}
        </Button>
      )}
    </section>
  )
}

function List({ list, params }: { list: readonly TemplateSummary[]; params: URLSearchParams }) {
  const all = sorted(list)
  const fits = (name: 'event' | 'channel', each: TemplateSummary) => !params.get(name) || params.get(name) === each[name]
  const rows = all.filter((each) => fits('event', each) && fits('channel', each))
  const active = useRowKeys(rows.map((each) => each.template))
  return (
    <>
      <Filters list={all} params={params} />
      <Table
        caption={words.caption}
        rows={rows}
        columns={COLUMNS}
        rowKey={(each) => each.template}
        rowLabel={(each) => titleOf(each.template)}
        onOpen={(each) => travel({ template: each.template })}
        active={active}
      />
    </>
  )
}

function ListView({ params }: { params: URLSearchParams }) {
  const { data, error } = useOrgStore((state) => state.templates.list)
  const refresh = useOrgStore((state) => state.refresh)
  const [adding, setAdding] = useState(false)
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
        {data !== null && (
          <Button icon="plus" onClick={() => setAdding(true)}>
            {words.add}
          </Button>
        )}
      </header>
      <p className="lead">{words.lead}</p>
      {data !== null ? (
        <List list={data} params={params} />
      ) : error === null ? (
        <Skeleton rows={10} />
      ) : (
        <ErrorState error={new Error(explain(error))} onRetry={refresh} />
      )}
      {adding && data !== null && <AddLanguage list={data} onClose={() => setAdding(false)} />}
    </>
  )
}

function EditorView({ name }: { name: string }) {
  useWatch('template')
  const { data, error } = useOrgStore((state) => state.templates.open)
  const isThis = useOrgStore((state) => state.templates.openName === name)
  const refresh = useOrgStore((state) => state.refresh)
  if (data !== null && isThis) {
    return <TemplateEditor key={name} name={name} current={data} />
  }
  return (
    <>
      <h1 className="unseen">{words.title}</h1>
      {error === null ? (
        <Skeleton rows={8} />
      ) : (
        <ErrorState
          title={error instanceof NotFoundError ? words.missing : strings.errors.title}
          error={new Error(explain(error))}
          onRetry={refresh}
        />
      )}
    </>
  )
}

export default function TemplatesView() {
  const { params } = useRoute()
  const open = useOrgStore((state) => state.openTemplate)
  const name = params.get('template')
  useEffect(() => {
    open(name)
    return () => open(null)
  }, [open, name])
  useWatch('templates')
  return name === null ? <ListView params={params} /> : <EditorView name={name} />
}
