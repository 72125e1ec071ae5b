import type { ReactNode } from 'react'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import type { Progress } from './act'

interface Props {
  count: number
  progress: Progress | null
  onClear: () => void
  onStop: () => void
  children: ReactNode
}

/* What can be done with the selected rows. It sticks to the window's lower end, so that nothing above it moves. */
export function BulkBar({ count, progress, onClear, onStop, children }: Props) {
  const words = strings.data.bulk
  if (count === 0 && progress === null) {
    return null
  }
  return (
    <div className="bulk-bar" role="region" aria-label={words.selected(count)}>
      {progress === null ? (
        <>
          <strong>{words.selected(count)}</strong>
          {children}
          <Button size="small" variant="quiet" icon="cross" onClick={onClear}>
            {words.clear}
          </Button>
        </>
      ) : (
        <>
          <span role="status">
            {words.working(progress.done, progress.of)}
            {progress.waitS > 0 && `; ${words.waiting(progress.waitS)}`}
          </span>
          <progress max={progress.of} value={progress.done} aria-label={words.working(progress.done, progress.of)} />
          <Button size="small" onClick={onStop}>
            {words.stop}
          </Button>
        </>
      )}
    </div>
  )
}
