/** Names for the records of the API. Their members come from docs/openapi.yaml, by way of schema.d.ts. */
import type { components } from './schema'
import type { JsonObject } from './json'

type Schemas = components['schemas']

/** A schema says "any object" in a way that generated types read as "an object without members". */
type WithPayload<T> = Omit<T, 'payload'> & { readonly payload: JsonObject | null }

export type NotificationSettings = Schemas['NotificationSettings']
/** What may be sent: absent keeps, null resets to the default (RFC 7396). */
export type NotificationSettingsUpdate = Schemas['NotificationSettingsUpdate']
export type TestEmailResult = Schemas['TestEmailResult']

export type Job = WithPayload<Schemas['Job']>
export type JobAttempt = Schemas['JobAttempt']
export type JobDetail = Job & { readonly attempts: readonly JobAttempt[] }
export type JobStatus = Job['status']
export type JobList = Omit<Schemas['JobList'], 'jobs'> & { jobs: Job[] }
export type JobCounts = Schemas['JobCounts']
export type JobTypeCounts = Schemas['JobTypeCounts']
export type JobLogLine = Schemas['JobLogLine']
export type JobLogPage = Schemas['JobLogPage']
export type JobType = Schemas['JobType']
export type JobCreate = Omit<Schemas['JobCreate'], 'payload' | 'job_type'> & {
  /** Configured types are as good as built-in ones, so any name; the server answers 422 for one that it lacks. */
  job_type: string
  payload?: JsonObject | null
}
export type JobBulkResult = Schemas['JobBulkResult']
export type JobsCancelFilter = Schemas['JobsCancelPayload']
export type JobsRetryFilter = Schemas['JobsRetryPayload']
export type DeadLettersReplayFilter = Schemas['DeadLettersReplayPayload']

export type DeadLetterList = Omit<Schemas['DeadLetterList'], 'dead_letters'> & { dead_letters: Job[] }
export type Pause = Schemas['Pause']
export type Limit = Schemas['Limit']

export type Schedule = WithPayload<Schemas['Schedule']>
export type ScheduleDetail = Schedule & { readonly next_firings: readonly string[] }
export type ScheduleList = Omit<Schemas['ScheduleList'], 'schedules'> & { schedules: Schedule[] }
export type ScheduleCreate = Omit<Schemas['ScheduleCreate'], 'payload'> & { payload?: JsonObject | null }
export type ScheduleUpdate = Omit<Schemas['ScheduleUpdate'], 'payload'> & { payload?: JsonObject | null }

export type Delivery = Schemas['Delivery']
export type DeliveryAttempt = Schemas['DeliveryAttempt']
export type DeliveryDetail = Delivery & {
  readonly attempts: readonly DeliveryAttempt[]
  /** Of a digest: what it gathered. */
  readonly members?: readonly Delivery[]
}
export type DeliveryList = Schemas['DeliveryList']
export type Suppression = Schemas['Suppression']
export type SuppressionCreate = Schemas['SuppressionCreate']
export type SuppressionList = Schemas['SuppressionList']
export type NotificationEvent = Schemas['EventDetail']

/* Providers, templates */

/** One member of an account's configuration, as JSON Schema says it. */
export interface ConfigProperty {
  readonly type?: string | readonly string[]
  readonly enum?: readonly (string | null)[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly default?: string | number | boolean | null
  readonly description?: string
  /** A secret: shown as ******** when it is set. */
  readonly writeOnly?: boolean
}
export type ProviderAccount = Omit<Schemas['ProviderAccount'], 'config'> & { readonly config: JsonObject }
export type ProviderAccountUpdate = Omit<Schemas['ProviderAccountUpdate'], 'config'> & { config?: JsonObject | null }
export type Provider = Omit<Schemas['Provider'], 'config_schema' | 'account'> & {
  readonly config_schema: { readonly properties: Readonly<Record<string, ConfigProperty>> }
  readonly account: ProviderAccount | null
}
/** config: tried out over what is stored, without being saved. */
type WithConfig<T> = Omit<T, 'config'> & { config?: JsonObject | null }
export type TestEmailRequest = WithConfig<Schemas['TestEmailRequest']>
export type TestSmsRequest = WithConfig<Schemas['TestSmsRequest']>
export type TestSlackRequest = WithConfig<Schemas['TestSlackRequest']>
export type TestWebhookRequest = WithConfig<Schemas['TestWebhookRequest']>
export type ProviderCheckRequest = WithConfig<Schemas['ProviderCheckRequest']>
export type CheckStage = Schemas['CheckStage']

export type TemplateSummary = Schemas['NotificationTemplateSummary']
export type TemplateTexts = Schemas['NotificationTemplateTexts']
export type TemplateField = Schemas['NotificationTemplateField']
export type Template = Schemas['NotificationTemplate'] & {
  /** The product's; null: it has none for this locale. */
  readonly default: TemplateTexts | null
  readonly fields: readonly TemplateField[]
}
export type TemplatePut = Schemas['NotificationTemplatePut']
export type TemplateValidateRequest = Schemas['NotificationTemplateValidateRequest']
export type TemplateValidity = Schemas['NotificationTemplateValidity']
export type TemplatePreviewRequest = Omit<Schemas['NotificationTemplatePreviewRequest'], 'data'> & {
  data?: JsonObject | null
}
export type TemplatePreview = Schemas['NotificationTemplatePreview']

export type DigestPreview = Schemas['DigestPreview']

export type AuditEntry = Omit<Schemas['AuditEntry'], 'changes'> & { readonly changes: JsonObject | null }
export type AuditLog = Omit<Schemas['AuditLog'], 'entries'> & { readonly entries: readonly AuditEntry[] }
export type JobStats = Schemas['JobStats']
export type JobStatsMinute = Schemas['JobStatsMinute']
export type JobStatsType = Schemas['JobStatsType']
export type JobStatsWaiting = Schemas['JobStatsWaiting']
export type JobStatsWorker = Schemas['JobStatsWorker']
export type JobStatsRunning = Schemas['JobStatsRunning']

export type Problem = Schemas['Problem']
export type Fault = Schemas['Fault']
export type Readiness = Schemas['Readiness']
