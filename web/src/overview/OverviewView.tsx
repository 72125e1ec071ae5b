import { strings } from '../strings'
import { EmptyState } from '../ui/States'

export default function OverviewView() {
  return <EmptyState title={strings.nav['overview']} />
}
