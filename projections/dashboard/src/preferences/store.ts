import { usePreferredDark, useStorage } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, watchEffect } from 'vue'
import { speak } from '@/api/client'
import { i18n, type Language, LANGUAGES, TAGS } from '@/i18n'

export type Theme = 'light' | 'dark' | 'system'
export const THEMES: readonly Theme[] = ['light', 'dark', 'system']

/** Language and theme: this browser's, kept between logins; neither says anything about a patient. */
export const usePreferences = defineStore('preferences', () => {
  const language = useStorage<Language>('eightbells.language', preferredLanguage())
  const theme = useStorage<Theme>('eightbells.theme', 'system')
  const prefersDark = usePreferredDark()
  const dark = computed(() => theme.value === 'dark' || (theme.value === 'system' && prefersDark.value))

  watchEffect(() => {
    const chosen = LANGUAGES.includes(language.value) ? language.value : 'zh'
    i18n.global.locale.value = chosen
    document.documentElement.lang = TAGS[chosen]
    speak(chosen)
  })
  watchEffect(() => document.documentElement.classList.toggle('dark', dark.value))
  return { language, theme, dark }
})

function preferredLanguage(): Language {
  const first = navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag))
  return first && first.toLowerCase().startsWith('en') ? 'en' : 'zh'
}
