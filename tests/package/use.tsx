/* What another application writes, with the strictest types: it must compile against the package alone. */
import { ConflictError, cancelBackgroundJob, configureApi, getBackgroundJobs, getNotificationSettings } from 'bellman-web/client'
import type { Job, NotificationSettings } from 'bellman-web/client'
import { useOrgStore, useWatch } from 'bellman-web/store'

configureApi({ baseUrl: 'https://hr.example.com/api/system', getToken: () => 'token' })

export async function cancelFirst(): Promise<string> {
  const { jobs } = await getBackgroundJobs('queued', 0, 50)
  const first: Job | undefined = jobs[0]
  if (!first) return 'none'
  try {
    return (await cancelBackgroundJob(first.id)).status
  } catch (error) {
    if (error instanceof ConflictError) return error.detail
    throw error
  }
}

export async function zone(): Promise<NotificationSettings['timezone']> {
  return (await getNotificationSettings()).timezone
}

export function Count() {
  useWatch('jobs')
  const list = useOrgStore((state) => state.jobs.list)
  return <p>{list.error ? list.error.message : list.data?.jobs.length}</p>
}
