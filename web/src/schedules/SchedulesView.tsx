import { strings } from '../strings'
import { EmptyState } from '../ui/States'

export default function SchedulesView() {
  return <EmptyState title={strings.nav['schedules']} />
}
