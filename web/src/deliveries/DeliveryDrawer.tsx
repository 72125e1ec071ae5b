import { useAct } from '../data/act'
import { explain } from '../data/explain'
import { Facts } from '../data/Facts'
import { hashWith } from '../data/params'
import { Section } from '../data/Section'
import type { DeliveryAttempt, DeliveryDetail } from '../services/api'
import { formatHash } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { Button } from '../ui/Button'
import { Drawer } from '../ui/Dialog'
import { formatDuration } from '../ui/format'
import { CopyButton } from '../ui/Json'
import { ErrorState, Skeleton } from '../ui/States'
import { Table, type Column } from '../ui/Table'
import { Time } from '../ui/Time'
import { showToast } from '../ui/Toast'
import { DeliveryBadge } from './DeliveryBadge'
import { outcomeLook, whyNoResend } from './look'

const words = strings.deliveries

/* SMTP's replies begin with their code, HTTP's do not. */
const replyText = ({ code, reply }: DeliveryAttempt): string =>
  code === null || reply?.startsWith(String(code)) ? (reply ?? '') : `${code} ${reply ?? ''}`

const TRIES: Column<DeliveryAttempt>[] = [
  { key: 'number', title: words.tryColumns.number, cell: (each) => each.number },
  { key: 'provider', title: words.tryColumns.provider, cell: (each) => each.provider },
  {
    key: 'outcome',
    title: words.tryColumns.outcome,
    cell: (each) => {
      const { tone, icon } = outcomeLook(each.outcome)
      return (
        <Badge tone={tone} icon={icon}>
          {words.outcomes[each.outcome] ?? each.outcome}
        </Badge>
      )
    },
  },
  {
    key: 'reply',
    title: words.tryColumns.reply,
    wide: true,
    cell: (each) => <span className="cell-text">{replyText(each)}</span>,
  },
  {
    key: 'took',
    title: words.tryColumns.took,
    align: 'end',
    cell: (each) => (
      <span className="numeric">{each.latency_ms === null ? strings.data.none : formatDuration(each.latency_ms)}</span>
    ),
  },
  {
    key: 'at',
    title: words.tryColumns.at,
    cell: (each) => (
      <span className="numeric">
        <Time value={each.started_at} />
      </span>
    ),
  },
]

function Held({ delivery }: { delivery: DeliveryDetail }) {
  if (delivery.state !== 'held' || delivery.hold_reason === null) {
    return null
  }
  return (
    <span className="faint">
      {words.holds[delivery.hold_reason] ?? delivery.hold_reason}
      {delivery.held_until !== null && (
        <>
          {' '}
          {words.heldUntil} <Time value={delivery.held_until} />
        </>
      )}
    </span>
  )
}

const when = (time: string | null) => (time === null ? null : <Time value={time} />)

function DeliveryFacts({ delivery }: { delivery: DeliveryDetail }) {
  const link = (id: string | null, href: (id: string) => string, text: string) =>
    id === null ? null : <a href={href(id)}>{text}</a>
  return (
    <Facts
      facts={[
        [words.columns.channel, words.channels[delivery.channel] ?? delivery.channel],
        [words.recipient, delivery.recipient || null],
        [words.address, delivery.address],
        [words.severity, words.severities[delivery.severity] ?? delivery.severity],
        [words.columns.provider, delivery.provider],
        [words.messageId, delivery.provider_message_id],
        [words.columns.created, when(delivery.created_at)],
        [words.sentAt, when(delivery.sent_at)],
        [words.deliveredAt, when(delivery.delivered_at)],
        [words.openedAt, when(delivery.opened_at)],
        [words.clickedAt, when(delivery.clicked_at)],
        [words.job, link(delivery.job_id, (id) => formatHash('jobs', { job: id }), words.showJob)],
        [words.resendOf, link(delivery.resend_of, (id) => hashWith({ delivery: id }), words.show)],
      ]}
    />
  )
}

function Members({ delivery }: { delivery: DeliveryDetail }) {
  if (delivery.members === undefined || delivery.members.length === 0) {
    return null
  }
  return (
    <Section title={words.members}>
      <ul className="firings">
        {delivery.members.map((member) => (
          <li key={member.id}>
            <a href={hashWith({ delivery: member.id })}>{words.events[member.event] ?? member.event}</a>
            <span className="faint">
              <Time value={member.created_at} />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

function Body({ delivery }: { delivery: DeliveryDetail }) {
  return (
    <>
      <div className="drawer-status">
        <DeliveryBadge delivery={delivery} />
        <Held delivery={delivery} />
      </div>
      {delivery.error_message !== null && (
        <Section title={words.error}>
          <pre className="error-text" tabIndex={0}>
            {delivery.error_message}
          </pre>
        </Section>
      )}
      <Section title={words.tries}>
        {delivery.attempts.length === 0 ? (
          <p className="faint">{words.noTries}</p>
        ) : (
          <div className="scroller" tabIndex={0} role="region" aria-label={words.tries}>
            <Table
              caption={words.tries}
              rows={delivery.attempts}
              columns={TRIES}
              rowKey={(each) => String(each.number)}
              rowLabel={(each) => String(each.number)}
            />
          </div>
        )}
      </Section>
      <Members delivery={delivery} />
      <Section title={words.facts}>
        <DeliveryFacts delivery={delivery} />
      </Section>
    </>
  )
}

function Actions({ delivery }: { delivery: DeliveryDetail }) {
  const resend = useOrgStore((state) => state.resendDelivery)
  const { busy, act } = useAct()
  const blocked = whyNoResend(delivery)
  const reasons = { open: words.resendOpen, digest: words.resendDigest }
  return (
    <>
      <span className="spread">
        <CopyButton text={() => delivery.id} label={strings.jobs.copyId} />
      </span>
      <Button
        variant="primary"
        icon="send"
        busy={busy}
        reason={blocked === null ? undefined : reasons[blocked]}
        onClick={() =>
          void act(
            () => resend(delivery.id),
            (made) => {
              showToast('good', words.resent, {
                label: words.show,
                run: () => (location.hash = hashWith({ delivery: made.id })),
              })
              return null
            },
          )
        }
      >
        {words.resend}
      </Button>
    </>
  )
}

function Watch() {
  useWatch('delivery')
  return null
}

export function DeliveryDrawer({ onClose }: { onClose: () => void }) {
  const openId = useOrgStore((state) => state.deliveries.openId)
  const { data: delivery, error } = useOrgStore((state) => state.deliveries.open)
  const refresh = useOrgStore((state) => state.refresh)
  const title = delivery === null ? words.title : (words.events[delivery.event] ?? delivery.event)
  return (
    <Drawer
      open={openId !== null}
      title={title}
      onClose={onClose}
      footer={delivery === null ? undefined : <Actions delivery={delivery} />}
    >
      {openId !== null && <Watch />}
      {delivery !== null ? (
        <Body delivery={delivery} />
      ) : error !== null ? (
        <ErrorState error={new Error(explain(error))} onRetry={refresh} />
      ) : (
        <Skeleton rows={5} />
      )}
    </Drawer>
  )
}
