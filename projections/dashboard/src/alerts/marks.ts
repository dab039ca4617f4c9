import { useI18n } from 'vue-i18n'

/** What stands on a report, in words; a mark without any is shown as it is. */
export function useMarks(): (mark: string) => string {
  const { t, te } = useI18n()
  return (mark) => (te(`marks.${mark}`) ? t(`marks.${mark}`) : mark.replaceAll('_', ' '))
}
