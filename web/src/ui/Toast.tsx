import { create } from 'zustand'
import { strings } from '../strings'
import type { Tone } from './Badge'
import { Button } from './Button'
import { Icon, type IconName } from './Icon'

interface Toast {
  id: number
  tone: Tone
  text: string
  action?: { label: string; run: () => void }
}

interface ToastState {
  toasts: Toast[]
  show(toast: Omit<Toast, 'id'>): void
  drop(id: number): void
}

const SHOWN_MS = 6000
const MOST = 4
const ICONS: Record<Tone, IconName> = { neutral: 'info', info: 'info', good: 'check', warn: 'alert', bad: 'alert' }

let next = 1

export const useToasts = create<ToastState>()((set, get) => ({
  toasts: [],
  show: (toast) => {
    const id = next++
    set({ toasts: [...get().toasts, { ...toast, id }].slice(-MOST) })
    // What went wrong, and what can still be acted on, stays until it is put away.
    if (toast.tone !== 'bad' && toast.action === undefined) {
      setTimeout(() => get().drop(id), SHOWN_MS)
    }
  },
  drop: (id) => set({ toasts: get().toasts.filter((toast) => toast.id !== id) }),
}))

export const showToast = (tone: Tone, text: string, action?: Toast['action']): void =>
  useToasts.getState().show(action === undefined ? { tone, text } : { tone, text, action })

export function Toasts() {
  const { toasts, drop } = useToasts()
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, tone, text, action }) => (
        <div key={id} className={`toast toast-${tone}`}>
          <Icon name={ICONS[tone]} />
          <span className="toast-text">{text}</span>
          {action !== undefined && (
            <Button
              size="small"
              onClick={() => {
                drop(id)
                action.run()
              }}
            >
              {action.label}
            </Button>
          )}
          <Button size="small" variant="quiet" icon="cross" aria-label={strings.dismiss} onClick={() => drop(id)} />
        </div>
      ))}
    </div>
  )
}
