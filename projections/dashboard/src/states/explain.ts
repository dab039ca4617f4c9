import type { ApiError } from '@/api/problems'

/** The message that tells a person what an error means; a key of the texts. */
export function explain(error: ApiError): string {
  if (error.offline) return 'state.noNetwork'
  if (error.status === 403) return 'state.forbidden'
  if (error.status === 404) return 'state.notFound'
  if (error.status === 503 || error.status === 429 || error.status === 502 || error.status === 504) return 'state.unavailable'
  return 'state.failed'
}
