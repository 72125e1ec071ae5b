import { useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { useOrgStore } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { Icon, type IconName } from '../ui/Icon'
import { useKeys } from './keys'
import { formatHash, navigate, type View } from './route'
import { useSession, type Claims } from './session'
import { THEMES, useTheme } from './theme'

interface Entry {
  view: View
  title: string
  icon: IconName
  letter: string
}

const ENTRIES: readonly Entry[] = [
  { view: 'overview', title: strings.nav.overview, icon: 'overview', letter: 'o' },
  { view: 'jobs', title: strings.nav.jobs, icon: 'jobs', letter: 'j' },
  { view: 'dead-letters', title: strings.nav.deadLetters, icon: 'dead', letter: 'l' },
  { view: 'schedules', title: strings.nav.schedules, icon: 'schedules', letter: 'c' },
  { view: 'deliveries', title: strings.nav.deliveries, icon: 'deliveries', letter: 'd' },
  { view: 'templates', title: strings.nav.templates, icon: 'templates', letter: 't' },
  { view: 'suppressions', title: strings.nav.suppressions, icon: 'suppressions', letter: 'u' },
  { view: 'providers', title: strings.nav.providers, icon: 'providers', letter: 'p' },
  { view: 'settings', title: strings.nav.settings, icon: 'settings', letter: 's' },
]

/* A phone's bar has room for some; the others are behind one more button. */
const IN_BAR: readonly View[] = ['overview', 'jobs', 'deliveries', 'settings']

function subscribeOnline(tell: () => void): () => void {
  addEventListener('online', tell)
  addEventListener('offline', tell)
  return () => {
    removeEventListener('online', tell)
    removeEventListener('offline', tell)
  }
}

const useOnline = () => useSyncExternalStore(subscribeOnline, () => navigator.onLine)

function NavLink({ entry, view, className }: { entry: Entry; view: View; className?: string | undefined }) {
  return (
    <a className={className} href={formatHash(entry.view)} aria-current={entry.view === view ? 'page' : undefined}>
      <Icon name={entry.icon} />
      <span>{entry.title}</span>
    </a>
  )
}

function Nav({ view }: { view: View }) {
  const [more, setMore] = useState(false)
  const rest = ENTRIES.filter((entry) => !IN_BAR.includes(entry.view))
  const here = rest.find((entry) => entry.view === view)
  useEffect(() => setMore(false), [view])
  return (
    <nav className="nav" aria-label={strings.nav.label}>
      {ENTRIES.map((entry) => (
        <NavLink key={entry.view} entry={entry} view={view} className={IN_BAR.includes(entry.view) ? undefined : 'nav-roomy'} />
      ))}
      <button
        type="button"
        className={here === undefined ? 'nav-more' : 'nav-more nav-more-here'}
        aria-haspopup="dialog"
        onClick={() => setMore(true)}
      >
        <Icon name={here?.icon ?? 'more'} />
        <span>{strings.nav.more}</span>
      </button>
      <Dialog open={more} title={strings.nav.more} onClose={() => setMore(false)}>
        <div className="nav-rest" onClick={() => setMore(false)}>
          {rest.map((entry) => (
            <NavLink key={entry.view} entry={entry} view={view} />
          ))}
        </div>
      </Dialog>
    </nav>
  )
}

function ThemeButton() {
  const { theme, setTheme } = useTheme()
  const label = `${strings.shell.theme}: ${strings.shell.themes[theme]}`
  return <Button variant="quiet" icon={theme} aria-label={label} title={label} onClick={() => setTheme(nextTheme(theme))} />
}

const nextTheme = (theme: (typeof THEMES)[number]) => THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system'

function Header({ claims, onHelp }: { claims: Claims; onHelp: () => void }) {
  const end = useSession((state) => state.end)
  return (
    <header className="header">
      <a className="brand" href={formatHash('overview')}>
        <img src="./favicon.svg" alt="" width="24" height="24" />
        {strings.product}
      </a>
      <span className="header-org" title={strings.shell.organization}>
        {claims.org}
      </span>
      <span className="header-who" title={claims.roles.join(', ')}>
        {strings.shell.signedInAs(claims.sub)}
      </span>
      <Button variant="quiet" icon="help" aria-label={strings.shell.help} title={strings.shell.help} onClick={onHelp} />
      <ThemeButton />
      <Button
        variant="quiet"
        icon="signout"
        aria-label={strings.shell.signOut}
        title={strings.shell.signOut}
        onClick={() => end('signed-out')}
      />
    </header>
  )
}

const KEYS: readonly (readonly [string, string])[] = [
  ['/', strings.keys.search],
  ['?', strings.keys.help],
  ...ENTRIES.map((entry) => [`g ${entry.letter}`, strings.keys.go(entry.title)] as const),
  ['j k', strings.keys.rows],
  ['x', strings.keys.select],
  ['Enter', strings.keys.open],
  ['t', strings.keys.theme],
  ['Esc', strings.keys.escape],
]

function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} title={strings.shell.help} onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([keys, text]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}

function useShellKeys(openHelp: () => void): void {
  const { theme, setTheme } = useTheme()
  useKeys({
    '?': openHelp,
    '/': () => document.querySelector<HTMLElement>('main [type="search"]')?.focus(),
    t: () => setTheme(nextTheme(theme)),
    ...Object.fromEntries(ENTRIES.map((entry) => [`g ${entry.letter}`, () => navigate(entry.view)])),
  })
}

/* Whoever changes the view by keyboard or hears the page is put at the head of the new one, but not at the first. */
function useViewFocus(view: View): React.RefObject<HTMLElement | null> {
  const main = useRef<HTMLElement>(null)
  const shown = useRef(view)
  useEffect(() => {
    const entry = ENTRIES.find((each) => each.view === view)
    document.title = `${entry?.title ?? ''} · ${strings.product}`
    if (shown.current !== view) {
      shown.current = view
      main.current?.focus({ preventScroll: true })
      scrollTo(0, 0)
    }
  }, [view])
  return main
}

function ConnectionNote({ online }: { online: boolean }) {
  const trouble = useOrgStore((state) => state.connection.state === 'trouble')
  if (online && !trouble) {
    return null
  }
  return (
    <p className="note note-warn" role="status">
      <Icon name="alert" />
      {online ? strings.shell.unreachable : strings.shell.offline}
    </p>
  )
}

export function Layout({ view, claims, children }: { view: View; claims: Claims; children: ReactNode }) {
  const [help, setHelp] = useState(false)
  const online = useOnline()
  const main = useViewFocus(view)
  useShellKeys(() => setHelp(true))
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus() }}>
        {strings.skipToContent}
      </a>
      <Header claims={claims} onHelp={() => setHelp(true)} />
      <Nav view={view} />
      <main id="main" className="main" ref={main} tabIndex={-1}>
        <ConnectionNote online={online} />
        {children}
      </main>
      <Help open={help} onClose={() => setHelp(false)} />
    </div>
  )
}
