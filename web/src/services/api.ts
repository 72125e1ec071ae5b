/**
 * The client of Bellman's API. One function per call; each takes {signal} last, returns the parsed answer, and throws what
 * errors.ts lists. Usable without the page and the store:
 *
 *     configureApi({ baseUrl: 'https://hr.example.com/api/system', getToken: () => token });
 *     const { jobs } = await getBackgroundJobs('failed', 0, 50);
 */
import { type Call, type CallOptions, newIdempotencyKey, request } from './http'
import type * as T from './types'

export { configureApi, etagOf, newIdempotencyKey, requestIdOf, urlOf } from './http'
export type { ApiConfig, CallOptions } from './http'
export * from './errors'
export { formatJson, parseJson } from './json'
export type { Json, JsonObject } from './json'
export type * from './types'

const SETTINGS = '/notification-settings'
const JOBS = '/background-jobs'
const DEAD = '/dead-letters'
const SCHEDULES = '/schedules'
const DELIVERIES = '/deliveries'
/** The server waits up to 10 s for the mail's fate. */
const TEST_EMAIL_TIMEOUT_MS = 20_000

/** What changes only the version that it was read at. */
export interface ChangeOptions extends CallOptions {
  /** From etagOf; null or absent: whatever version there is. */
  ifMatch?: string | null
}

/** What may be tried again without being done twice. */
export interface CreateOptions extends CallOptions {
  /** Default: a fresh one. Hand the same in to repeat a call that got no answer. */
  idempotencyKey?: string
}

export interface JobFilter {
  job_type?: string | null | undefined
  priority?: number | null | undefined
  created_after?: string | null | undefined
  created_before?: string | null | undefined
  /** Instead of skip: next_cursor of the page before. */
  cursor?: string | null | undefined
}

export interface DeadLetterFilter extends Omit<JobFilter, 'priority'> {
  cause?: string | null | undefined
  limit?: number
}

export interface DeliveryFilter {
  state?: string | null | undefined
  event?: string | null | undefined
  event_id?: string | null | undefined
  channel?: string | null | undefined
  provider?: string | null | undefined
  recipient?: string | null | undefined
  address?: string | null | undefined
  created_after?: string | null | undefined
  created_before?: string | null | undefined
  limit?: number
  cursor?: string | null | undefined
}

export interface SuppressionFilter {
  channel?: string | null | undefined
  address?: string | null | undefined
  reason?: string | null | undefined
  limit?: number
  cursor?: string | null | undefined
}

export interface LogFilter {
  attempt?: number | null | undefined
  limit?: number
  cursor?: string | null | undefined
}

function at(base: string, id: string, rest = ''): string {
  return `${base}/${encodeURIComponent(id)}${rest}`
}

function post<R>(path: string, body: unknown, options: CallOptions & Partial<Call> = {}): Promise<R> {
  return request<R>(path, { ...options, method: 'POST', body })
}

function create<R>(path: string, body: unknown, options: CreateOptions = {}): Promise<R> {
  return post<R>(path, body, { ...options, idempotencyKey: options.idempotencyKey ?? newIdempotencyKey() })
}

/* Notification settings */

export function getNotificationSettings(options: CallOptions = {}): Promise<T.NotificationSettings> {
  return request(SETTINGS, options)
}

/** Merge patch: absent keeps, null resets. With ifMatch, PreconditionFailedError when somebody else was quicker. */
export function updateNotificationSettings(
  changes: T.NotificationSettingsUpdate,
  options: ChangeOptions = {},
): Promise<T.NotificationSettings> {
  return request(SETTINGS, { ...options, method: 'PUT', body: changes })
}

/** Resolves also when the mail was not taken: success says. */
export function testEmailNotification(email: string, options: CallOptions = {}): Promise<T.TestEmailResult> {
  return post(`${SETTINGS}/test-email`, { email }, { ...options, timeoutMs: TEST_EMAIL_TIMEOUT_MS })
}

/* Jobs */

/** status undefined: of every status. limit at most 200. */
export function getBackgroundJobs(
  status?: T.JobStatus,
  skip = 0,
  limit = 50,
  filter: JobFilter = {},
  options: CallOptions = {},
): Promise<T.JobList> {
  const place = filter.cursor ? { limit } : { skip: skip || undefined, limit }
  return request(JOBS, { ...options, query: { status, ...place, ...filter } })
}

export function getBackgroundJob(jobId: string, options: CallOptions = {}): Promise<T.JobDetail> {
  return request(at(JOBS, jobId), options)
}

/** The job as it is now: cancelled, or (cancel_requested_at set) still running until its worker has stopped. */
export function cancelBackgroundJob(jobId: string, options: CallOptions = {}): Promise<T.JobDetail> {
  return post(at(JOBS, jobId, '/cancel'), {}, options)
}

export function retryBackgroundJob(jobId: string, options: CallOptions = {}): Promise<T.JobDetail> {
  return post(at(JOBS, jobId, '/retry'), {}, options)
}

export function createBackgroundJob(job: T.JobCreate, options: CreateOptions = {}): Promise<T.JobDetail> {
  return create(JOBS, job, options)
}

/** All of them, or none; at most 1,000. */
export function createBackgroundJobs(
  jobs: readonly T.JobCreate[],
  options: CreateOptions = {},
): Promise<T.JobBulkResult> {
  return create(`${JOBS}/bulk`, { jobs }, options)
}

/** The job that does it; its result will be {matched, changed}. */
export function cancelBackgroundJobs(filter: T.JobsCancelFilter, options: CreateOptions = {}): Promise<T.JobDetail> {
  return create(`${JOBS}/cancel`, filter, options)
}

/** The job that does it; its result will be {matched, changed}. */
export function retryBackgroundJobs(filter: T.JobsRetryFilter, options: CreateOptions = {}): Promise<T.JobDetail> {
  return create(`${JOBS}/retry`, filter, options)
}

export function countBackgroundJobs(options: CallOptions = {}): Promise<T.JobCounts> {
  return request(`${JOBS}/counts`, options)
}

export function getBackgroundJobLogs(
  jobId: string,
  filter: LogFilter = {},
  options: CallOptions = {},
): Promise<T.JobLogPage> {
  return request(at(JOBS, jobId, '/logs'), { ...options, query: { ...filter } })
}

export async function getJobTypes(options: CallOptions = {}): Promise<readonly T.JobType[]> {
  return (await request<{ job_types?: T.JobType[] }>('/job-types', options)).job_types ?? []
}

/* Pauses and limits */

async function pausesOf(call: Promise<{ pauses?: T.Pause[] }>): Promise<readonly T.Pause[]> {
  return (await call).pauses ?? []
}

export function getPauses(options: CallOptions = {}): Promise<readonly T.Pause[]> {
  return pausesOf(request(`${JOBS}/pauses`, options))
}

/** jobType "*": all of the organization's jobs. */
export function pauseJobs(
  jobType: string,
  reason: string | null,
  options: CallOptions = {},
): Promise<readonly T.Pause[]> {
  return pausesOf(request(at(`${JOBS}/pauses`, jobType), { ...options, method: 'PUT', body: { reason } }))
}

export function resumeJobs(jobType: string, options: CallOptions = {}): Promise<readonly T.Pause[]> {
  return pausesOf(request(at(`${JOBS}/pauses`, jobType), { ...options, method: 'DELETE', body: {} }))
}

export async function getLimits(options: CallOptions = {}): Promise<readonly T.Limit[]> {
  return (await request<{ limits?: T.Limit[] }>(`${JOBS}/limits`, options)).limits ?? []
}

/* Dead letters */

export function getDeadLetters(filter: DeadLetterFilter = {}, options: CallOptions = {}): Promise<T.DeadLetterList> {
  return request(DEAD, { ...options, query: { ...filter } })
}

export function getDeadLetter(jobId: string, options: CallOptions = {}): Promise<T.JobDetail> {
  return request(at(DEAD, jobId), options)
}

export function replayDeadLetter(jobId: string, options: CallOptions = {}): Promise<T.JobDetail> {
  return post(at(DEAD, jobId, '/replay'), {}, options)
}

export function discardDeadLetter(jobId: string, options: CallOptions = {}): Promise<T.JobDetail> {
  return post(at(DEAD, jobId, '/discard'), {}, options)
}

/** The job that does it; its result will be {matched, changed}. */
export function replayDeadLetters(
  filter: T.DeadLettersReplayFilter,
  options: CreateOptions = {},
): Promise<T.JobDetail> {
  return create(`${DEAD}/replay`, filter, options)
}

/* Schedules */

export function getSchedules(
  filter: { limit?: number; cursor?: string | null } = {},
  options: CallOptions = {},
): Promise<T.ScheduleList> {
  return request(SCHEDULES, { ...options, query: { ...filter } })
}

export function getSchedule(scheduleId: string, options: CallOptions = {}): Promise<T.ScheduleDetail> {
  return request(at(SCHEDULES, scheduleId), options)
}

export function createSchedule(schedule: T.ScheduleCreate, options: CallOptions = {}): Promise<T.ScheduleDetail> {
  return post(SCHEDULES, schedule, options)
}

export function updateSchedule(
  scheduleId: string,
  changes: T.ScheduleUpdate,
  options: ChangeOptions = {},
): Promise<T.ScheduleDetail> {
  return request(at(SCHEDULES, scheduleId), { ...options, method: 'PUT', body: changes })
}

export function deleteSchedule(scheduleId: string, options: ChangeOptions = {}): Promise<void> {
  return request(at(SCHEDULES, scheduleId), { ...options, method: 'DELETE', body: {} })
}

export function pauseSchedule(scheduleId: string, options: ChangeOptions = {}): Promise<T.ScheduleDetail> {
  return post(at(SCHEDULES, scheduleId, '/pause'), {}, options)
}

export function resumeSchedule(scheduleId: string, options: ChangeOptions = {}): Promise<T.ScheduleDetail> {
  return post(at(SCHEDULES, scheduleId, '/resume'), {}, options)
}

/** The job that it created. */
export function runSchedule(scheduleId: string, options: CreateOptions = {}): Promise<T.JobDetail> {
  return create(at(SCHEDULES, scheduleId, '/run-now'), {}, options)
}

/** RFC 3339 times with the zone's offset. */
export async function previewSchedule(
  cron: string,
  timezone: string | null,
  options: CallOptions = {},
): Promise<readonly string[]> {
  const preview = await post<{ next_firings: string[] }>(`${SCHEDULES}/preview`, { cron, timezone }, options)
  return preview.next_firings
}

/* Deliveries */

export function getDeliveries(filter: DeliveryFilter = {}, options: CallOptions = {}): Promise<T.DeliveryList> {
  return request(DELIVERIES, { ...options, query: { ...filter } })
}

export function getDelivery(deliveryId: string, options: CallOptions = {}): Promise<T.DeliveryDetail> {
  return request(at(DELIVERIES, deliveryId), options)
}

/** A new delivery, for which the settings and the suppression list hold as for any. */
export function resendDelivery(deliveryId: string, options: CallOptions = {}): Promise<T.DeliveryDetail> {
  return post(at(DELIVERIES, deliveryId, '/resend'), {}, options)
}

/** What a recipient's next digest would say if it went now. NotFoundError: none gathers. */
export function previewDigest(recipient: string, options: CallOptions = {}): Promise<T.DigestPreview> {
  return request('/notifications/digest-preview', { ...options, query: { recipient } })
}

export function getSuppressions(
  filter: SuppressionFilter = {},
  options: CallOptions = {},
): Promise<T.SuppressionList> {
  return request('/suppressions', { ...options, query: { ...filter } })
}

export function createSuppression(suppression: T.SuppressionCreate, options: CallOptions = {}): Promise<T.Suppression> {
  return post('/suppressions', suppression, options)
}

export function removeSuppression(channel: string, address: string, options: CallOptions = {}): Promise<void> {
  return post('/suppressions/remove', { channel, address }, options)
}

export function getEvent(eventId: string, options: CallOptions = {}): Promise<T.NotificationEvent> {
  return request(at('/notifications/events', eventId), options)
}

/* Providers, and messages that try them out */

const PROVIDERS = '/providers'

export async function getProviders(options: CallOptions = {}): Promise<readonly T.Provider[]> {
  return (await request<{ providers?: T.Provider[] }>(PROVIDERS, options)).providers ?? []
}

/** NotFoundError: the organization has none with this provider. */
export function getProviderAccount(provider: string, options: CallOptions = {}): Promise<T.ProviderAccount> {
  return request(at(PROVIDERS, provider), options)
}

/** Makes the account, or changes it by a merge patch; so is its config. */
export function saveProviderAccount(
  provider: string,
  changes: T.ProviderAccountUpdate,
  options: ChangeOptions = {},
): Promise<T.ProviderAccount> {
  return request(at(PROVIDERS, provider), { ...options, method: 'PUT', body: changes })
}

export function deleteProviderAccount(provider: string, options: ChangeOptions = {}): Promise<void> {
  return request(at(PROVIDERS, provider), { ...options, method: 'DELETE', body: {} })
}

export function pauseProvider(
  provider: string,
  reason: string | null,
  options: ChangeOptions = {},
): Promise<T.ProviderAccount> {
  return post(at(PROVIDERS, provider, '/pause'), { reason }, options)
}

export function resumeProvider(provider: string, options: ChangeOptions = {}): Promise<T.ProviderAccount> {
  return post(at(PROVIDERS, provider, '/resume'), {}, options)
}

/* These resolve also when the provider did not take it: success says, stages how far it came. */
function tryOut(path: string, body: unknown, options: CallOptions): Promise<T.TestEmailResult> {
  return post(path, body, { ...options, timeoutMs: TEST_EMAIL_TIMEOUT_MS })
}

/** Without to it logs in and sends nothing, where the provider can be asked so. */
export function checkProvider(
  provider: string,
  body: T.ProviderCheckRequest = {},
  options: CallOptions = {},
): Promise<T.TestEmailResult> {
  return tryOut(at(PROVIDERS, provider, '/check'), body, options)
}

export function testEmail(body: T.TestEmailRequest, options: CallOptions = {}): Promise<T.TestEmailResult> {
  return tryOut(`${SETTINGS}/test-email`, body, options)
}

export function testSms(body: T.TestSmsRequest, options: CallOptions = {}): Promise<T.TestEmailResult> {
  return tryOut(`${SETTINGS}/test-sms`, body, options)
}

export function testSlack(body: T.TestSlackRequest = {}, options: CallOptions = {}): Promise<T.TestEmailResult> {
  return tryOut(`${SETTINGS}/test-slack`, body, options)
}

export function testWebhook(body: T.TestWebhookRequest = {}, options: CallOptions = {}): Promise<T.TestEmailResult> {
  return tryOut(`${SETTINGS}/test-webhook`, body, options)
}

/* Templates; their names are event.channel or event.channel.locale. */

const TEMPLATES = '/notification-templates'

export async function getTemplates(options: CallOptions = {}): Promise<readonly T.TemplateSummary[]> {
  return (await request<{ templates?: T.TemplateSummary[] }>(TEMPLATES, options)).templates ?? []
}

/** NotFoundError: neither the organization nor the product has one of that name. */
export function getTemplate(template: string, options: CallOptions = {}): Promise<T.Template> {
  return request(at(TEMPLATES, template), options)
}

/** All of its texts; absent and null are none. */
export function saveTemplate(template: string, texts: T.TemplatePut, options: ChangeOptions = {}): Promise<T.Template> {
  return request(at(TEMPLATES, template), { ...options, method: 'PUT', body: texts })
}

/** The product's serves again, where there is one. */
export function deleteTemplate(template: string, options: ChangeOptions = {}): Promise<void> {
  return request(at(TEMPLATES, template), { ...options, method: 'DELETE', body: {} })
}

export function validateTemplate(
  texts: T.TemplateValidateRequest,
  options: CallOptions = {},
): Promise<T.TemplateValidity> {
  return post(`${TEMPLATES}/validate`, texts, options)
}

/** Texts that are absent are those that there are. Its html is somebody's: show it in a sandbox only. */
export function previewTemplate(
  texts: T.TemplatePreviewRequest,
  options: CallOptions = {},
): Promise<T.TemplatePreview> {
  return post(`${TEMPLATES}/preview`, texts, options)
}

/* The audit log, and figures of the jobs */

/** Of action, subject and actor each is exact; with several a page may have fewer entries than limit and not be the last. */
export interface AuditFilter {
  action?: string | null | undefined
  subject?: string | null | undefined
  actor?: string | null | undefined
  created_after?: string | null | undefined
  created_before?: string | null | undefined
  limit?: number
  cursor?: string | null | undefined
}

export function getAuditLog(filter: AuditFilter = {}, options: CallOptions = {}): Promise<T.AuditLog> {
  return request('/audit-log', { ...options, query: { ...filter } })
}

export function getBackgroundJobStats(options: CallOptions = {}): Promise<T.JobStats> {
  return request(`${JOBS}/stats`, options)
}

/* Health; needs no token. */

export function getReadiness(options: CallOptions = {}): Promise<T.Readiness> {
  return request('/readyz', options)
}
