import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react'
import { Icon, type IconName } from './Icon'

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  variant?: 'default' | 'primary' | 'danger' | 'quiet'
  size?: 'normal' | 'small'
  icon?: IconName
  busy?: boolean // shows that it works; pressing it again does nothing
  reason?: string | undefined // why it cannot be pressed: stays focusable, so that it can be found out
  ref?: Ref<HTMLButtonElement>
  children?: ReactNode
}

export function Button(props: Props) {
  const { variant = 'default', size = 'normal', icon, busy = false, reason, children, className, onClick, ...rest } = props
  const blocked = busy || reason !== undefined
  const names = ['button', `button-${variant}`, size === 'small' ? 'button-small' : '', className ?? '']
  return (
    <button
      type="button"
      title={reason}
      {...rest}
      className={names.filter(Boolean).join(' ')}
      aria-disabled={blocked || undefined}
      aria-busy={busy || undefined}
      onClick={blocked ? (event) => event.preventDefault() : onClick}
    >
      {busy ? <Icon name="running" spin /> : icon !== undefined && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  )
}
