import { useEffect, useRef } from 'react'

/* Keys as one presses them: 'j', '?', 'g o' (one after the other). Not while typing, in a dialog or with a modifier. */
export type Keymap = Record<string, () => void>

const SEQUENCE_MS = 1200

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable="true"]') !== null
}

/* inDialog: whether the keys are those of an open dialog; the ones of the page rest while one is open. */
export function useKeys(keymap: Keymap, { inDialog = false } = {}): void {
  const latest = useRef(keymap)
  latest.current = keymap
  useEffect(() => {
    let first = ''
    let firstAt = 0
    const onKey = (event: KeyboardEvent) => {
      const dialog = document.querySelector('dialog[open]') !== null
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || dialog !== inDialog) {
        return
      }
      const sequence = first !== '' && event.timeStamp - firstAt < SEQUENCE_MS ? `${first} ${event.key}` : ''
      const act = latest.current[sequence] ?? latest.current[event.key]
      first = event.key
      firstAt = event.timeStamp
      if (act !== undefined) {
        first = ''
        event.preventDefault()
        act()
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [inDialog])
}
