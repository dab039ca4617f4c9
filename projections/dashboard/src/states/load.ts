import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { ApiError } from '@/api/problems'

export type LoadState = 'loading' | 'ready' | 'error'

/**
 * Something that is read from the API. The first failure is an error; a later one leaves what is shown and
 * makes it stale. Only the newest call's answer is kept, so `read` returns it and stores nothing itself.
 * `forget` is for a question that changed: what answered the one before must not stand under it.
 */
export function useLoad<Answer>(read: () => Promise<Answer>) {
  const answer = shallowRef<Answer | null>(null)
  const error = shallowRef<ApiError | null>(null)
  const loadedAt = ref<number | null>(null)
  let call = 0
  onScopeDispose(() => (call = -1))

  function forget(): void {
    call += 1
    answer.value = error.value = loadedAt.value = null
  }

  async function load(): Promise<void> {
    const mine = ++call
    try {
      const found = await read()
      if (mine !== call) return
      answer.value = found
      error.value = null
      loadedAt.value = Date.now()
    } catch (failure) {
      if (mine !== call) return
      error.value = failure instanceof ApiError ? failure : new ApiError(500, 'Unexpected', String(failure))
      if (!(failure instanceof ApiError)) console.error(failure)
    }
  }

  const state = computed<LoadState>(() =>
    loadedAt.value !== null ? 'ready' : error.value ? 'error' : 'loading',
  )
  const stale = computed(() => loadedAt.value !== null && error.value !== null)
  return { load, forget, answer, state, stale, error, loadedAt }
}
