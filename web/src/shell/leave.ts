/* Unsaved edits are asked about before they are lost. */
import { useEffect, useRef } from 'react'
import { setLeaveGuard } from './route'

/* part: the parameter of the address that what is edited hangs on; a change of it leaves the edits too. */
export function useLeaveGuard(dirty: boolean, question: string, part?: string): void {
  const latest = useRef(dirty)
  latest.current = dirty
  useEffect(() => {
    setLeaveGuard(() => !latest.current || confirm(question), part)
    const onUnload = (event: BeforeUnloadEvent) => {
      if (latest.current) {
        event.preventDefault()
      }
    }
    addEventListener('beforeunload', onUnload)
    return () => {
      setLeaveGuard(null)
      removeEventListener('beforeunload', onUnload)
    }
  }, [question, part])
}
