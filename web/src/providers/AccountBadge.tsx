import { strings } from '../strings'
import { Badge, type Tone } from '../ui/Badge'
import type { IconName } from '../ui/Icon'
import type { State } from './route'

const LOOKS: Record<State, { tone: Tone; icon: IconName }> = {
  ready: { tone: 'good', icon: 'check' },
  paused: { tone: 'warn', icon: 'pause' },
  off: { tone: 'neutral', icon: 'stop' },
  none: { tone: 'neutral', icon: 'info' },
}

export function AccountBadge({ state }: { state: State }) {
  return <Badge {...LOOKS[state]}>{strings.providers.states[state]}</Badge>
}
