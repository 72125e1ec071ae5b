import { useEffect } from 'react'
import '../data/data.css'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { Pager } from '../data/Pager'
import { hashWith, travel } from '../data/params'
import { useRowKeys } from '../data/rows'
import type { Schedule, ScheduleList } from '../services/api'
import { useRoute } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { EmptyState, ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Time } from '../ui/Time'
import { ScheduleBadge } from './ScheduleBadge'
import { ScheduleDrawer } from './ScheduleDrawer'

const words = strings.schedules
const NEW = 'new' // in the place of an id

const COLUMNS: Column<Schedule>[] = [
  { key: 'state', title: words.columns.state, cell: (each) => <ScheduleBadge schedule={each} /> },
  {
    key: 'name',
    title: words.columns.name,
    wide: true,
    cell: (each) => (
      <a className="row-link" href={hashWith({ schedule: each.id })}>
        {each.name}
      </a>
    ),
  },
  {
    key: 'when',
    title: words.columns.when,
    phone: 'hidden',
    cell: (each) => (
      <span className="numeric">
        <code>{each.cron}</code> <span className="faint">{each.timezone}</span>
      </span>
    ),
  },
  { key: 'type', title: words.columns.type, phone: 'hidden', cell: (each) => each.job_type },
  {
    key: 'next',
    title: words.columns.next,
    cell: (each) => (
      <span className="numeric">
        <Time value={each.next_fire_at} />
      </span>
    ),
  },
  {
    key: 'last',
    title: words.columns.last,
    phone: 'hidden',
    cell: (each) => (
      <span className="numeric">
        <Time value={each.last_fire_at} />
      </span>
    ),
  },
]

const New = () => (
  <Button icon="plus" onClick={() => travel({ schedule: NEW })}>
    {strings.scheduleForm.add}
  </Button>
)

function Schedules({ list, cursor }: { list: ScheduleList; cursor: string | null }) {
  const active = useRowKeys(list.schedules.map((each) => each.id))
  return (
    <>
      {(cursor !== null || list.next_cursor !== null) && (
        <div className="list-tools">
          <Pager
            text={strings.data.pager.shown(list.schedules.length)}
            previous={strings.data.pager.toFirst}
            onPrevious={cursor === null ? null : () => travel({ cursor: null })}
            onNext={list.next_cursor === null ? null : () => travel({ cursor: list.next_cursor })}
          />
        </div>
      )}
      <Table
        caption={words.caption}
        rows={list.schedules}
        columns={COLUMNS}
        rowKey={(each) => each.id}
        rowLabel={(each) => each.name}
        onOpen={(each) => travel({ schedule: each.id })}
        active={active}
      />
    </>
  )
}

function Content({ cursor }: { cursor: string | null }) {
  const { data: list, error } = useOrgStore((state) => state.schedules.list)
  const refresh = useOrgStore((state) => state.refresh)
  if (list === null) {
    return error === null ? <Skeleton rows={4} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
  }
  if (list.schedules.length === 0) {
    return (
      <EmptyState icon="schedules" title={words.empty.title} action={<New />}>
        {words.empty.text}
      </EmptyState>
    )
  }
  return <Schedules list={list} cursor={cursor} />
}

export default function SchedulesView() {
  const { params } = useRoute()
  const get = useOrgStore((state) => state.getSchedules)
  const open = useOrgStore((state) => state.openSchedule)
  const cursor = params.get('cursor')
  const making = params.get('schedule') === NEW
  const schedule = making ? null : params.get('schedule')
  const some = useOrgStore((state) => (state.schedules.list.data?.schedules.length ?? 0) > 0)
  useEffect(() => {
    get(cursor).catch(() => {}) // the list shows what is wrong
  }, [get, cursor])
  useEffect(() => {
    open(schedule)
    return () => open(null)
  }, [open, schedule])
  useWatch('schedules')
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
        {some && <New />}
      </header>
      <p className="lead">{words.lead}</p>
      <Content cursor={cursor} />
      <ScheduleDrawer
        open={params.has('schedule')}
        making={making}
        editing={params.has('edit')}
        onClose={() => travel({ schedule: null, edit: null })}
      />
    </>
  )
}
