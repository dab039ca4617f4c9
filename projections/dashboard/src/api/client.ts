import axios, { type AxiosError, type AxiosInstance, type InternalAxiosRequestConfig } from 'axios'
import { toApiError } from './problems'

/** What the client needs to know of the login; the session store gives it in `main.ts`. */
export interface Credentials {
  token(): string | null
  renew(): Promise<boolean>
  ended(): void
}

const TIMEOUT_MS = 20_000
type Retried = InternalAxiosRequestConfig & { retried?: boolean }

/** Requests without a login: logging in and refreshing. */
export const open: AxiosInstance = axios.create({ timeout: TIMEOUT_MS })
/** Requests with the login's token. */
export const http: AxiosInstance = axios.create({ timeout: TIMEOUT_MS })

open.interceptors.response.use(undefined, (error: unknown) => Promise.reject(toApiError(error)))

/** The language of texts that the API writes: names of visits, explanations. */
export function speak(language: string): void {
  open.defaults.headers.common['Accept-Language'] = language
  http.defaults.headers.common['Accept-Language'] = language
}

/**
 * Put the token on every request. A 401 refreshes once for all that wait and sends them again; where that
 * is refused the login has ended. A refresh that fails for another reason (no network) ends nothing.
 */
export function authenticate(client: AxiosInstance, credentials: Credentials): void {
  client.interceptors.request.use((request) => {
    const token = credentials.token()
    if (token) request.headers.set('Authorization', `Bearer ${token}`)
    return request
  })
  client.interceptors.response.use(undefined, async (error: unknown) => {
    const request = axios.isAxiosError(error) ? ((error as AxiosError).config as Retried | undefined) : undefined
    if (!request || (error as AxiosError).response?.status !== 401 || request.retried) throw toApiError(error)
    request.retried = true
    const sentWith = String(request.headers.get('Authorization') ?? '')
    const current = credentials.token()
    const alreadyRenewed = current !== null && sentWith !== `Bearer ${current}`
    if (alreadyRenewed || (current !== null && (await credentials.renew()))) return client.request(request)
    credentials.ended()
    throw toApiError(error)
  })
}
