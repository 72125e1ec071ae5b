import { strings } from '../strings'
import { EmptyState } from '../ui/States'

export default function DeliveriesView() {
  return <EmptyState title={strings.nav['deliveries']} />
}
