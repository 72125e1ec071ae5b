/** Templates: the words of messages, the product's and the organization's own. */
import * as api from '../services/api'
import { NOTHING, type Remote } from './remote'
import { loader, patch, type Tools } from './slice'

export type TemplatesSlice = {
  readonly list: Remote<readonly api.TemplateSummary[]>
  readonly openName: string | null
  /** The one that is open, or (its name differs) the nearest wider one: nobody has made the one that is open yet. */
  readonly open: Remote<api.Template>
}

export interface TemplatesActions {
  loadTemplates: () => Promise<void>
  openTemplate: (name: string | null) => void
  refreshTemplate: () => Promise<void>
  /** PreconditionFailedError when somebody else was quicker; what is open is theirs then. */
  saveTemplate: (name: string, texts: api.TemplatePut, options?: api.ChangeOptions) => Promise<api.Template>
  /** The product's serves again. */
  deleteTemplate: (name: string) => Promise<void>
  validateTemplate: (texts: api.TemplateValidateRequest, options?: api.CallOptions) => Promise<api.TemplateValidity>
  previewTemplate: (texts: api.TemplatePreviewRequest, options?: api.CallOptions) => Promise<api.TemplatePreview>
}

export const initialTemplates: TemplatesSlice = { list: NOTHING, openName: null, open: NOTHING }

/** Where a name has a locale, the names with one subtag less each, down to the one without: payroll.email.de-CH has two. */
export function widerNames(name: string): string[] {
  const [event = '', channel = '', locale = ''] = name.split('.')
  const tags = locale === '' ? [] : locale.split('-')
  return tags.map((_, i) => [event, channel, tags.slice(0, tags.length - 1 - i).join('-')].filter(Boolean).join('.'))
}

/** known: names of the list; what it lacks is not asked for. */
async function nearest(name: string, known: ReadonlySet<string>, signal: AbortSignal): Promise<api.Template> {
  const names = [name, ...widerNames(name)]
  const listed = names.filter((each) => known.has(each))
  let missing: unknown = null
  for (const candidate of listed.length > 0 ? listed : names) {
    try {
      return await api.getTemplate(candidate, { signal })
    } catch (error) {
      if (!(error instanceof api.NotFoundError)) throw error
      missing ??= error
    }
  }
  throw missing
}

export function templatesActions(tools: Tools): TemplatesActions {
  const list = loader(tools, 'templates', 'list')
  const open = loader(tools, 'templates', 'open')
  const refreshTemplate = async (): Promise<void> => {
    const { openName, list: all } = tools.get().templates
    const known = new Set(all.data?.map((each) => each.template))
    if (openName !== null) await open.load((signal) => nearest(openName, known, signal))
  }
  return {
    loadTemplates: async () => {
      await list.load((signal) => api.getTemplates({ signal }))
    },
    openTemplate: (name) => {
      if (tools.get().templates.openName === name) return
      open.replace(null)
      patch(tools, 'templates', () => ({ openName: name }))
      tools.poke('template')
    },
    refreshTemplate,
    saveTemplate: async (name, texts, options) => {
      try {
        const saved = await api.saveTemplate(name, texts, options)
        await list.load((signal) => api.getTemplates({ signal })).catch(() => null) // what is open is found by it
        if (tools.get().templates.openName === name) open.replace(saved)
        return saved
      } catch (error) {
        if (error instanceof api.PreconditionFailedError) await refreshTemplate()
        throw error
      }
    },
    deleteTemplate: async (name) => {
      await api.deleteTemplate(name)
      await list.load((signal) => api.getTemplates({ signal })).catch(() => null)
      await refreshTemplate()
    },
    validateTemplate: (texts, options) => api.validateTemplate(texts, options),
    previewTemplate: (texts, options) => api.previewTemplate(texts, options),
  }
}
