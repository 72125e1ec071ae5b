import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { Time } from '../ui/Time'

/* Whether what is shown is what there is. */
export function Live() {
  const { state, since } = useOrgStore((store) => store.connection)
  const words = strings.data.live
  return (
    <span className="live" role="status">
      {state === 'ok' ? (
        <Badge tone="good" icon="check">
          {words.ok}
        </Badge>
      ) : (
        <>
          <Badge tone="warn" icon="alert">
            {words.trouble}
          </Badge>
          <span className="faint">
            {words.since} <Time value={new Date(since).toISOString()} />
          </span>
        </>
      )}
    </span>
  )
}
