import { useState } from 'react'
import { useTry } from '../data/useTry'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Stages } from '../ui/Stages'
import { slackTrial } from './fields'
import type { Part } from './inputs'

const text = strings.settings.testSlack

/* A message to Slack, also before the settings are saved. */
export function TestSlack({ settings: { form, edits, faults } }: Part) {
  const { state, run } = useTry()
  const [refused, setRefused] = useState('')
  const wrong = faults.slack_webhook_url !== undefined || faults.slack_channel !== undefined
  const reason = form.slack_webhook_url === '' ? text.needsUrl : wrong ? text.fix : undefined
  const send = async () => {
    const body = slackTrial(form, edits)
    setRefused((await run({ kind: 'slack', body })).map(({ detail }) => detail).join('; '))
  }
  return (
    <>
      <Button
        className="test-slack"
        size="small"
        icon="send"
        busy={state.at === 'sending'}
        reason={reason}
        onClick={() => void send()}
      >
        {text.action}
      </Button>
      <Stages state={refused === '' ? state : { at: 'failed', why: refused }} />
    </>
  )
}
