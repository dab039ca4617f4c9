import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import type { AlertLevel } from './model'

/** How many alerts are open in the caller's scope; the navigation shows it on every page. */
export const useAlertCounts = defineStore('alertCounts', () => {
  const counts = ref<Record<AlertLevel, number>>({ critical: 0, urgent: 0, routine: 0 })
  const total = computed(() => counts.value.critical + counts.value.urgent + counts.value.routine)

  function set(next: Partial<Record<AlertLevel, number>>): void {
    counts.value = { critical: 0, urgent: 0, routine: 0, ...next }
  }

  function clear(): void {
    counts.value = { critical: 0, urgent: 0, routine: 0 }
  }
  return { counts, total, set, clear }
})
