import { createI18n } from 'vue-i18n'
import { en, zh } from './messages'

export type Language = 'zh' | 'en'
export const LANGUAGES: readonly Language[] = ['zh', 'en']
/** The tag that Intl, the API and the html element get. */
export const TAGS: Record<Language, string> = { zh: 'zh-CN', en: 'en-GB' }

export const i18n = createI18n({
  legacy: false,
  locale: 'zh' as Language,
  fallbackLocale: false,
  missingWarn: false,
  fallbackWarn: false,
  messages: { zh, en },
})
