import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { ApiError } from '@/api/problems'

export type LoadState = 'loading' | 'ready' | 'error'

/**
 * Something that is read from the API. The first failure is an error; a later one leaves what is shown and
 * makes it stale. A newer call wins over an older one that answers late.
 */
export function useLoad<Arguments extends unknown[]>(read: (...args: Arguments) => Promise<unknown>) {
  const error = shallowRef<ApiError | null>(null)
  const loadedAt = ref<number | null>(null)
  const busy = ref(false)
  let call = 0
  onScopeDispose(() => (call = -1))

  async function load(...args: Arguments): Promise<void> {
    const mine = ++call
    busy.value = true
    try {
      await read(...args)
      if (mine !== call) return
      error.value = null
      loadedAt.value = Date.now()
    } catch (failure) {
      if (mine !== call) return
      error.value = failure instanceof ApiError ? failure : new ApiError(500, 'Unexpected', String(failure))
      if (!(failure instanceof ApiError)) console.error(failure)
    } finally {
      if (mine === call) busy.value = false
    }
  }

  const state = computed<LoadState>(() =>
    loadedAt.value !== null ? 'ready' : error.value ? 'error' : 'loading',
  )
  const stale = computed(() => loadedAt.value !== null && error.value !== null)
  return { load, state, stale, busy, error, loadedAt }
}
