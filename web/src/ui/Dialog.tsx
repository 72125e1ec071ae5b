import { useEffect, useId, useRef, type ReactNode } from 'react'
import { strings } from '../strings'
import { Button } from './Button'

interface Props {
  open: boolean
  title: ReactNode
  onClose: () => void
  children: ReactNode
  footer?: ReactNode
  kind?: 'dialog' | 'drawer'
  closable?: boolean // false: only what it contains ends it
}

/*
 * The browser's own modal dialog: the page behind rests, Escape closes, focus stays inside. When it closes, focus returns
 * to where it was, or to the main region when that has gone meanwhile.
 */
export function Dialog({ open, title, onClose, children, footer, kind = 'dialog', closable = true }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const dialog = ref.current
    if (!open || dialog === null) {
      return
    }
    const before = document.activeElement
    dialog.showModal()
    return () => {
      dialog.close()
      const back = before instanceof HTMLElement && before.isConnected ? before : document.querySelector('main')
      back?.focus()
    }
  }, [open])
  if (!open) {
    return null
  }
  return (
    <dialog
      ref={ref}
      className={kind}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        if (closable) {
          onClose()
        }
      }}
      onClick={(event) => {
        if (closable && event.target === ref.current) {
          onClose() // outside of it: the backdrop belongs to the dialog element itself
        }
      }}
    >
      <div className="dialog-box">
        <header className="dialog-head">
          <h2 id={titleId}>{title}</h2>
          {closable && <Button variant="quiet" icon="cross" aria-label={strings.close} onClick={onClose} />}
        </header>
        <div className="dialog-body">{children}</div>
        {footer !== undefined && <footer className="dialog-foot">{footer}</footer>}
      </div>
    </dialog>
  )
}

/* The same, from the side, for what belongs to a row of the list behind it. */
export const Drawer = (props: Omit<Props, 'kind'>) => <Dialog {...props} kind="drawer" />

interface ConfirmProps {
  open: boolean
  title: string
  children: ReactNode
  action: string
  danger?: boolean
  busy?: boolean
  onConfirm: () => void
  onClose: () => void
}

export function Confirm({ action, danger = false, busy = false, onConfirm, children, ...rest }: ConfirmProps) {
  return (
    <Dialog
      {...rest}
      footer={
        <>
          <Button onClick={rest.onClose}>{strings.cancel}</Button>
          <Button variant={danger ? 'danger' : 'primary'} busy={busy} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    >
      {children}
    </Dialog>
  )
}
