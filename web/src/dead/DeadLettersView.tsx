import { strings } from '../strings'
import { EmptyState } from '../ui/States'

export default function DeadLettersView() {
  return <EmptyState title={strings.nav['deadLetters']} />
}
