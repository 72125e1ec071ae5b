import type { Schedule } from '../services/api'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'

const words = strings.schedules

export function ScheduleBadge({ schedule }: { schedule: Schedule }) {
  if (schedule.paused_at !== null) {
    return (
      <Badge tone="warn" icon="pause">
        {words.paused}
      </Badge>
    )
  }
  if (schedule.last_error !== null) {
    return <Badge tone="bad">{words.faulty}</Badge>
  }
  return (
    <Badge tone="good" icon="check">
      {words.active}
    </Badge>
  )
}
