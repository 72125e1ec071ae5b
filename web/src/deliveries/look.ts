import type { Delivery, DeliveryAttempt } from '../services/api'
import type { Tone } from '../ui/Badge'
import type { IconName } from '../ui/Icon'

/* How a delivery's state looks; the words are in strings.ts. */
const STATES: Record<string, { tone: Tone; icon: IconName }> = {
  queued: { tone: 'neutral', icon: 'waiting' },
  held: { tone: 'warn', icon: 'pause' },
  sent: { tone: 'info', icon: 'send' },
  delivered: { tone: 'good', icon: 'check' },
  opened: { tone: 'good', icon: 'check' },
  bounced: { tone: 'bad', icon: 'retry' },
  complained: { tone: 'bad', icon: 'alert' },
  failed: { tone: 'bad', icon: 'cross' },
}

const OUTCOMES: Record<DeliveryAttempt['outcome'], { tone: Tone; icon: IconName }> = {
  unknown: { tone: 'warn', icon: 'alert' },
  sent: { tone: 'good', icon: 'check' },
  retry: { tone: 'warn', icon: 'retry' },
  ambiguous: { tone: 'warn', icon: 'alert' },
  refused: { tone: 'bad', icon: 'cross' },
  paused: { tone: 'warn', icon: 'pause' },
}

const PLAIN: { tone: Tone; icon: IconName } = { tone: 'neutral', icon: 'info' }

export const stateLook = (state: Delivery['state']) => STATES[state] ?? PLAIN
export const outcomeLook = (outcome: DeliveryAttempt['outcome']) => OUTCOMES[outcome] ?? PLAIN

/* Why it cannot be sent again; null: it can. */
export function whyNoResend(delivery: Delivery): 'open' | 'digest' | null {
  if (delivery.event === 'digest') {
    return 'digest'
  }
  return delivery.state === 'queued' || delivery.state === 'held' ? 'open' : null
}
