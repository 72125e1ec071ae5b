/* Rows that are selected and walked through by keyboard. */
import { useState } from 'react'
import { useKeys } from '../shell/keys'

export interface Selection {
  keys: ReadonlySet<string>
  toggle: (key: string) => void
  toggleAll: () => void
  clear: () => void
}

/* What is no longer among the rows is no longer selected. */
export function useSelection(rowKeys: readonly string[]): Selection {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const keys = new Set(rowKeys.filter((key) => chosen.has(key)))
  const toggle = (key: string): void => {
    const next = new Set(keys)
    if (!next.delete(key)) {
      next.add(key)
    }
    setChosen(next)
  }
  return {
    keys,
    toggle,
    toggleAll: () => setChosen(keys.size === rowKeys.length ? new Set() : new Set(rowKeys)),
    clear: () => setChosen(new Set()),
  }
}

function focusRow(key: string): void {
  const row = document.querySelector<HTMLElement>(`tr[data-key="${CSS.escape(key)}"]`)
  row?.scrollIntoView({ block: 'nearest' })
  row?.querySelector<HTMLElement>('td a, td button')?.focus()
}

/* j and k put the focus on the next and the previous row's link, so that Enter opens it; x selects it. */
export function useRowKeys(rowKeys: readonly string[], selection?: Selection): string | null {
  const [active, setActive] = useState<string | null>(null)
  const here = active === null ? -1 : rowKeys.indexOf(active)
  const go = (to: number): void => {
    const key = rowKeys[Math.min(Math.max(to, 0), rowKeys.length - 1)]
    if (key !== undefined) {
      setActive(key)
      focusRow(key)
    }
  }
  useKeys({
    j: () => go(here + 1),
    k: () => go(here - 1),
    ...(selection && here >= 0 ? { x: () => selection.toggle(rowKeys[here] ?? '') } : {}),
  })
  return here >= 0 ? active : null
}
