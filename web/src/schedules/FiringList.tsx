import { Time } from '../ui/Time'
import { firingOf } from './firings'

/* columns: two of them where there is room. */
export function FiringList({ firings, columns = false }: { firings: readonly string[]; columns?: boolean }) {
  return (
    <ol className={columns ? 'firings firings-columns' : 'firings'}>
      {firings.map((text) => {
        const { local, at } = firingOf(text)
        return (
          <li key={text}>
            <span className="numeric">{local}</span>
            <span className="faint numeric">
              <Time value={at} />
            </span>
          </li>
        )
      })}
    </ol>
  )
}
