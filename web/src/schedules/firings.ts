/* A firing comes as an RFC 3339 time with the zone's offset: its own words are the local time there. */
export interface Firing {
  local: string
  at: string
}

const weekday = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'UTC' })

export function firingOf(text: string): Firing {
  const [date = '', time = ''] = text.split('T')
  const day = Date.parse(`${date}T00:00:00Z`)
  return { local: `${Number.isNaN(day) ? '' : weekday.format(day)} ${date} ${time.slice(0, 5)}`.trim(), at: text }
}
