import { useDocumentVisibility, useIntervalFn } from '@vueuse/core'
import { watch } from 'vue'

const EVERY_MS = 60_000

/** For what the clock alone makes old: read again every minute while it can be seen, and when it is seen again. */
export function useAfresh(again: () => void): void {
  const visibility = useDocumentVisibility()
  const ifSeen = () => {
    if (visibility.value === 'visible') again()
  }
  useIntervalFn(ifSeen, EVERY_MS)
  watch(visibility, ifSeen)
}
