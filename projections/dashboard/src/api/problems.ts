import axios, { type AxiosError } from 'axios'

/** What a caller of the API can meet. `status` 0: no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly retryAfterS: number | null = null,
    readonly id: string | null = null,
    readonly more: Record<string, unknown> = {},
  ) {
    super(title)
  }

  get offline(): boolean {
    return this.status === 0
  }
}

/** Any failure of a request as an ApiError; a cancelled request stays what it is. */
export function toApiError(error: unknown): unknown {
  if (!axios.isAxiosError(error) || axios.isCancel(error)) return error
  const response = (error as AxiosError).response
  if (!response) return new ApiError(0, 'No answer', error.code ?? '')
  const body = problemBody(response.data)
  return new ApiError(
    response.status,
    text(body.title) || `HTTP ${response.status}`,
    text(body.detail),
    seconds(response.headers['retry-after']),
    text(body.id) || null,
    body,
  )
}

function problemBody(data: unknown): Record<string, unknown> {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function seconds(header: unknown): number | null {
  const value = Number(header)
  return header !== undefined && Number.isFinite(value) && value >= 0 ? value : null
}
