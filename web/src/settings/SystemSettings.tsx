import { strings } from '../strings'
import { EmptyState } from '../ui/States'

export default function SystemSettings() {
  return <EmptyState title={strings.nav.settings} />
}
