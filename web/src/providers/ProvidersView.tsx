import { useEffect } from 'react'
import '../data/data.css'
import './providers.css'
import { explain } from '../data/explain'
import { Live } from '../data/Live'
import { hashWith, travel } from '../data/params'
import { useRowKeys } from '../data/rows'
import type { NotificationSettings, Provider } from '../services/api'
import { useRoute } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { Icon, type IconName } from '../ui/Icon'
import { ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Time } from '../ui/Time'
import { fieldsOf, summaryOf } from './account'
import { AccountDrawer } from './AccountDrawer'
import { AccountBadge } from './AccountBadge'
import { CHANNELS, helpOf, inUse, isOff, ordered, sentence, stateOf, type Channel } from './route'

const words = strings.providers
const ICONS: Record<Channel, IconName> = { email: 'deliveries', sms: 'sms', slack: 'slack', webhook: 'send' }

function Place({ provider, used }: { provider: Provider; used: readonly string[] }) {
  const place = used.indexOf(provider.name)
  return place < 0 ? (
    <span className="faint" title={words.notInUse}>
      {strings.data.none}
      <span className="unseen">{words.notInUse}</span>
    </span>
  ) : (
    <span className="numeric">{place + 1}</span>
  )
}

function Account({ provider }: { provider: Provider }) {
  const { account } = provider
  if (account === null) {
    return <span className="faint">{helpOf(provider)}</span>
  }
  if (account.paused_reason !== null) {
    return <span className="cell-text">{account.paused_reason}</span>
  }
  return <span className="cell-text faint">{summaryOf(fieldsOf(provider), account) || strings.secret.stored}</span>
}

const columnsOf = (used: readonly string[]): Column<Provider>[] => [
  { key: 'order', title: words.columns.order, cell: (each) => <Place provider={each} used={used} /> },
  {
    key: 'provider',
    title: words.columns.provider,
    cell: (each) => (
      <a className="row-link provider-name" href={hashWith({ provider: each.name })}>
        {words.names[each.name] ?? each.name}
      </a>
    ),
  },
  { key: 'state', title: words.columns.state, cell: (each) => <AccountBadge state={stateOf(each)} /> },
  { key: 'account', title: words.columns.account, wide: true, phone: 'hidden', cell: (each) => <Account provider={each} /> },
  {
    key: 'changed',
    title: words.columns.changed,
    phone: 'hidden',
    cell: (each) => (
      <span className="numeric">
        <Time value={each.account?.updated_at} />
      </span>
    ),
  },
]

interface ChannelProps {
  channel: Channel
  list: readonly Provider[]
  settings: NotificationSettings | null
  active: string | null
}

function ChannelPart({ channel, list, settings, active }: ChannelProps) {
  const title = words.channels[channel] ?? channel
  return (
    <section className="provider-channel" aria-labelledby={`channel-${channel}`}>
      <div>
        <h2 id={`channel-${channel}`} className="channel-title">
          <Icon name={ICONS[channel]} />
          {title}
        </h2>
        <p className="faint">{sentence(channel, list)}</p>
        {isOff(channel, settings) && (
          <Badge tone="neutral" icon="stop">
            {words.route.off}
          </Badge>
        )}
      </div>
      <Table
        caption={words.caption(title)}
        rows={list}
        columns={columnsOf(inUse(list))}
        rowKey={(each) => each.name}
        rowLabel={(each) => words.names[each.name] ?? each.name}
        onOpen={(each) => travel({ provider: each.name })}
        active={active}
      />
    </section>
  )
}

function Channels({ providers }: { providers: readonly Provider[] }) {
  const settings = useOrgStore((state) => state.settings.current.data)
  const lists = CHANNELS.map((channel) => ({ channel, list: ordered(channel, providers, settings) }))
  const active = useRowKeys(lists.flatMap(({ list }) => list.map(({ name }) => name)))
  return lists.map(({ channel, list }) => (
    <ChannelPart key={channel} channel={channel} list={list} settings={settings} active={active} />
  ))
}

function Content() {
  const { data, error } = useOrgStore((state) => state.providers.list)
  const refresh = useOrgStore((state) => state.refresh)
  if (data !== null) {
    return <Channels providers={data} />
  }
  return error === null ? <Skeleton rows={7} /> : <ErrorState error={new Error(explain(error))} onRetry={refresh} />
}

export default function ProvidersView() {
  const { params } = useRoute()
  const open = useOrgStore((state) => state.openProvider)
  const provider = params.get('provider')
  useEffect(() => {
    open(provider)
    return () => open(null)
  }, [open, provider])
  useWatch('providers')
  useWatch('settings')
  return (
    <>
      <header className="view-head">
        <h1>{words.title}</h1>
        <Live />
      </header>
      <p className="lead">{words.lead}</p>
      <Content />
      <AccountDrawer onClose={() => travel({ provider: null })} />
    </>
  )
}
