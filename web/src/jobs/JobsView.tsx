import { strings } from '../strings'
import { EmptyState } from '../ui/States'

export default function JobsView() {
  return <EmptyState title={strings.nav['jobs']} />
}
