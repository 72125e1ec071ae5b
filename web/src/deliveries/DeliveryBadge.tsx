import type { Delivery } from '../services/api'
import { strings } from '../strings'
import { Badge } from '../ui/Badge'
import { stateLook } from './look'

export function DeliveryBadge({ delivery }: { delivery: Delivery }) {
  const { tone, icon } = stateLook(delivery.state)
  return (
    <Badge tone={tone} icon={icon}>
      {strings.deliveries.states[delivery.state] ?? delivery.state}
    </Badge>
  )
}
