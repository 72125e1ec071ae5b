/*
 * Every English word of the page. A translation is a file of the same shape; what depends on a number or a name is a
 * function, so that a language may put it where it belongs.
 */
const count = (n: number, one: string, many: string): string => `${n.toLocaleString('en')} ${n === 1 ? one : many}`

export const strings = {
  product: 'Bellman',
  close: 'Close',
  cancel: 'Cancel',
  dismiss: 'Dismiss',
  copy: 'Copy',
  copied: 'Copied',
  notCopied: 'The browser did not allow copying',
  loading: 'Loading',
  tryAgain: 'Try again',
  selectAll: 'Select all rows',
  select: (name: string) => `Select ${name}`,
  skipToContent: 'Skip to content',

  nav: {
    label: 'Main',
    overview: 'Overview',
    settings: 'Settings',
    jobs: 'Jobs',
    deadLetters: 'Dead letters',
    schedules: 'Schedules',
    deliveries: 'Deliveries',
  },

  shell: {
    organization: 'Organization',
    signedInAs: (sub: string) => `Signed in as ${sub}`,
    signOut: 'Sign out',
    theme: 'Theme',
    themes: { system: 'Same as system', light: 'Light', dark: 'Dark' },
    help: 'Keyboard shortcuts',
    offline: 'The browser is offline. What you see may be old; it goes on by itself.',
    unreachable: 'The server does not answer. What you see may be old; it goes on by itself.',
    failed: 'This part of the page could not be shown.',
    reload: 'Load the page again',
  },

  keys: {
    search: 'Search in the present view',
    help: 'Show these shortcuts',
    go: (view: string) => `Go to ${view}`,
    theme: 'Next theme',
    rows: 'Next and previous row',
    select: 'Select the row',
    open: 'Open the row',
    escape: 'Close what is open',
  },

  signIn: {
    title: 'Sign in',
    lead: 'Settings, deliveries and background jobs of your organization.',
    token: 'Access token',
    hint: 'From your identity provider, or from “bellmanctl token”. It is kept in memory and gone when the page is closed.',
    action: 'Sign in',
    malformed: 'This is no token that can be used: it has three parts with dots between them, and must not have expired.',
    refused: 'The server refused this token. Paste another one.',
    expired: 'Your token has expired. Paste a fresh one to go on; nothing you typed is lost.',
    signedOut: 'You are signed out.',
    again: 'Sign in again',
  },

  noRole: {
    title: 'Not for this role',
    text: (roles: string) => `Your token has ${roles}. This page needs the role SystemAdmin; ask whoever manages roles in your organization.`,
    none: 'no role',
    role: (roles: string[]) => (roles.length === 1 ? `the role ${roles[0]}` : `the roles ${roles.join(', ')}`),
  },

  errors: {
    title: 'This could not be loaded',
    unknown: 'Something went wrong that says nothing about itself.',
    request: 'Request',
  },

  json: {
    tree: 'As a tree',
    text: 'As text',
    items: (n: number) => `[ ${count(n, 'item', 'items')} ]`,
    members: (n: number) => `{ ${count(n, 'member', 'members')} }`,
    more: (n: number) => `and ${n.toLocaleString('en')} more; copy it to see all`,
  },

  // ---- settings ----
  settings: {
    title: 'Notification settings',
  },

  // ---- overview ----
  overview: {
    title: 'Overview',
  },

  // ---- jobs ----
  jobs: {
    title: 'Jobs',
  },

  // ---- dead letters ----
  dead: {
    title: 'Dead letters',
  },

  // ---- schedules ----
  schedules: {
    title: 'Schedules',
  },

  // ---- deliveries ----
  deliveries: {
    title: 'Deliveries',
  },
}
