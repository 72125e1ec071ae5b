import { strings } from '../strings'
import { Button } from '../ui/Button'

interface Props {
  text: string
  previous?: string // where pages know only the next one, the way back is to the first
  onPrevious: (() => void) | null
  onNext: (() => void) | null
}

/* Where there are pages both buttons stay where they are; one that leads nowhere says so. */
export function Pager({ text, previous = strings.data.pager.previous, onPrevious, onNext }: Props) {
  const words = strings.data.pager
  return (
    <nav className="pager" aria-label={words.label}>
      <span className="faint numeric">{text}</span>
      {(onPrevious !== null || onNext !== null) && (
        <>
          <Button size="small" reason={onPrevious === null ? words.first : undefined} onClick={() => onPrevious?.()}>
            {previous}
          </Button>
          <Button size="small" reason={onNext === null ? words.last : undefined} onClick={() => onNext?.()}>
            {words.next}
          </Button>
        </>
      )}
    </nav>
  )
}
