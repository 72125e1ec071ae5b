import { Component, type ReactNode } from 'react'
import { strings } from '../strings'
import { ErrorState } from '../ui/States'

/* A view that fails takes nothing else with it. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  override render() {
    if (this.state.error === null) {
      return this.props.children
    }
    return (
      <ErrorState title={strings.shell.failed} error={this.state.error} onRetry={() => this.setState({ error: null })} />
    )
  }
}
