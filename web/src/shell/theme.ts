import { create } from 'zustand'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
const KEY = 'bellman.theme'

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'system'
  } catch {
    return 'system' // storage may be forbidden
  }
}

export function applyTheme(theme: Theme = stored()): void {
  const root = document.documentElement
  if (theme === 'system') {
    delete root.dataset['theme']
  } else {
    root.dataset['theme'] = theme
  }
}

interface ThemeState {
  theme: Theme
  setTheme(theme: Theme): void
}

export const useTheme = create<ThemeState>()((set) => ({
  theme: stored(),
  setTheme: (theme) => {
    try {
      localStorage.setItem(KEY, theme)
    } catch {
      // it holds until the page is closed, then
    }
    applyTheme(theme)
    set({ theme })
  },
}))
