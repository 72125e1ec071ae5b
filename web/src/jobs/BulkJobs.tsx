import { useState } from 'react'
import { BulkBar } from '../data/BulkBar'
import { useAct, useBulk } from '../data/act'
import type { Selection } from '../data/rows'
import { hashWith } from '../data/params'
import type { Job, JobDetail } from '../services/api'
import type { JobQuery } from '../store/jobs'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Confirm } from '../ui/Dialog'
import { showToast } from '../ui/Toast'
import { cancelFilterOf, retryFilterOf } from './query'
import { canCancel, canRetry } from './rules'

const words = strings.jobs.bulk

export function SelectedJobs({ jobs, selection }: { jobs: readonly Job[]; selection: Selection }) {
  const { progress, stop, run } = useBulk()
  const cancel = useOrgStore((state) => state.cancelSelectedJobs)
  const retry = useOrgStore((state) => state.retrySelectedJobs)
  const chosen = jobs.filter((job) => selection.keys.has(job.id))
  const idsOf = (may: (job: Job) => boolean): string[] => chosen.filter(may).map((job) => job.id)
  const cancellable = idsOf(canCancel)
  const retriable = idsOf(canRetry)
  return (
    <BulkBar count={selection.keys.size} progress={progress} onClear={selection.clear} onStop={stop}>
      <Button
        size="small"
        variant="danger"
        icon="stop"
        reason={cancellable.length === 0 ? words.noneCancel : undefined}
        onClick={() => void run((options) => cancel(cancellable, options), words.cancelled).then(selection.clear)}
      >
        {`${words.cancel} (${cancellable.length})`}
      </Button>
      <Button
        size="small"
        icon="retry"
        reason={retriable.length === 0 ? words.noneRetry : undefined}
        onClick={() => void run((options) => retry(retriable, options), words.retried).then(selection.clear)}
      >
        {`${words.retry} (${retriable.length})`}
      </Button>
    </BulkBar>
  )
}

interface Operation {
  title: string
  action: string
  started: string
  run: () => Promise<JobDetail>
}

/* What can be done with all jobs that fit the filters, many or few, by one call. */
export function MatchingJobs({ query, total }: { query: JobQuery; total: string }) {
  const [asked, setAsked] = useState<Operation | null>(null)
  const cancelAll = useOrgStore((state) => state.cancelMatchingJobs)
  const retryAll = useOrgStore((state) => state.retryMatchingJobs)
  const { busy, act } = useAct()
  const toCancel = query.status === undefined ? null : cancelFilterOf(query)
  const toRetry = retryFilterOf(query)
  const confirm = async (): Promise<void> => {
    if (asked === null) {
      return
    }
    const done = (job: JobDetail): null => {
      showToast('good', asked.started, { label: words.show, run: () => (location.hash = hashWith({ job: job.id })) })
      return null
    }
    if (await act(asked.run, done)) {
      setAsked(null)
    }
  }
  return (
    <>
      {toCancel !== null && (
        <Button
          size="small"
          icon="stop"
          onClick={() =>
            setAsked({
              title: words.confirmCancel(total),
              action: words.cancelAll(total),
              started: words.startedCancel,
              run: () => cancelAll(toCancel),
            })
          }
        >
          {words.cancelAll(total)}
        </Button>
      )}
      {toRetry !== null && (
        <Button
          size="small"
          icon="retry"
          onClick={() =>
            setAsked({
              title: words.confirmRetry(total),
              action: words.retryAll(total),
              started: words.startedRetry,
              run: () => retryAll(toRetry),
            })
          }
        >
          {words.retryAll(total)}
        </Button>
      )}
      <Confirm
        open={asked !== null}
        title={asked?.title ?? ''}
        action={asked?.action ?? ''}
        danger={toCancel !== null}
        busy={busy}
        onConfirm={() => void confirm()}
        onClose={() => setAsked(null)}
      >
        <p>{words.text}</p>
      </Confirm>
    </>
  )
}
