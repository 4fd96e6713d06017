/** Light, dark, or as the system has it. */

export type Theme = 'system' | 'light' | 'dark'

export const THEMES: readonly Theme[] = ['system', 'light', 'dark']
export const THEME_KEY = 'novacore.theme'

export function themeOf(kept: string | null): Theme {
  return THEMES.find((theme) => theme === kept) ?? 'system'
}
