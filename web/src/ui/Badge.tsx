import type { ReactNode } from 'react'
import { Icon, type IconName } from './Icon'

export type Tone = 'neutral' | 'info' | 'good' | 'warn' | 'bad'

const ICONS: Record<Tone, IconName> = { neutral: 'waiting', info: 'running', good: 'check', warn: 'alert', bad: 'cross' }

/* A state in words, with an icon and a colour that only repeat them. */
export function Badge({ tone = 'neutral', icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`badge badge-${tone}`}>
      <Icon name={icon ?? ICONS[tone]} />
      {children}
    </span>
  )
}
