/* Line icons on a grid of 16; decoration alone: what they mean is always written beside them or in a label. */
const PATHS = {
  overview: 'M2 13.5h12M3.5 11V8M6.5 11V4M9.5 11V6.5M12.5 11V2.5',
  settings: 'M2 4.5h6M12 4.5h2M2 11.5h2M8 11.5h6M10 2.5v4M6 9.5v4',
  jobs: 'M5.5 4h8.5M5.5 8h8.5M5.5 12h8.5M2 4h.5M2 8h.5M2 12h.5',
  dead: 'M2.5 9.5 4.5 3h7l2 6.5v3.5h-11ZM2.5 9.5h3l1 1.5h3l1-1.5h3M6.5 5l3 3M9.5 5l-3 3',
  schedules: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 5v3.2l2.2 1.6',
  deliveries: 'M2 3.5h12v9H2ZM2.5 4 8 8.5 13.5 4',
  check: 'm3 8.5 3.2 3L13 4.5',
  cross: 'm4 4 8 8M12 4l-8 8',
  alert: 'M8 2.2 14.5 13.5h-13ZM8 6.5v3M8 11.4v.2',
  info: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 7.5V11M8 5.1v.2',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6L12.8 8Z',
  running: 'M8 2a6 6 0 1 1-5.2 3M2.5 2v3.2h3.2',
  waiting: 'M4 2h8M4 14h8M5 2v2.5L8 8l3-3.5V2M5 14v-2.5L8 8l3 3.5V14',
  stop: 'M4 4h8v8H4Z',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.3 10.3 14 14',
  light: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  dark: 'M13.5 9.7A6 6 0 0 1 6.3 2.5a6 6 0 1 0 7.2 7.2Z',
  system: 'M2 3h12v8H2ZM6 14h4M8 11v3',
  chevron: 'm6 3.5 4.5 4.5L6 12.5',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8Z',
  retry: 'M13 8a5 5 0 1 1-1.6-3.7M13.5 1.8v3h-3',
  lock: 'M3.5 7h9v6.5h-9ZM5.5 7V5a2.5 2.5 0 0 1 5 0v2',
  help: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.5.3-.8.6-.8 1.2M8 11.2v.2',
  signout: 'M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6',
  moon: 'M13.5 9.7A6 6 0 0 1 6.3 2.5a6 6 0 1 0 7.2 7.2Z',
  sms: 'M2 3h12v8H7l-3 2.5V11H2Z',
  slack: 'M6 2 5 14M11 2l-1 12M2.5 5.5h11M2.5 10.5h11',
  trash: 'M2.5 4h11M6 4V2.5h4V4M4 4l.6 9.5h6.8L12 4',
  send: 'M14 2 7 9M14 2 9.5 14 7 9 2 6.5Z',
  filter: 'M2 3h12l-4.5 5.5V13l-3-1.5v-3Z',
  down: 'm3.5 6 4.5 4.5L12.5 6',
  providers: 'M5.5 2v3.5M10.5 2v3.5M3.5 5.5h9V8a4.5 4.5 0 0 1-9 0ZM8 12.5V15',
  templates: 'M3.5 2h6l3 3v9h-9ZM9.5 2v3h3M5.5 8h5M5.5 10.5h5',
  suppressions: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM3.8 3.8l8.4 8.4',
  plus: 'M8 3v10M3 8h10',
  edit: 'm3 13 .7-3L11 2.7 13.3 5 6 12.3ZM9.5 4.2l2.3 2.3',
  back: 'M10 3.5 5.5 8l4.5 4.5',
  more: 'M3.5 8h.2M8 8h.2M12.5 8h.2',
  key: 'M10.5 2.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8.4 7.6 2.5 13.5M4.5 11.5l1.5 1.5',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, spin = false }: { name: IconName; spin?: boolean }) {
  return (
    <svg className={spin ? 'icon icon-spin' : 'icon'} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
