import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiError } from '@/api/problems'
import { useSession } from './store'
import { writeTokens } from './tokens'

const api = vi.hoisted(() => ({ renewTokens: vi.fn() }))
vi.mock('@/api/identity', () => ({ logIn: vi.fn(), logOut: vi.fn(), readProfile: vi.fn(), ...api }))

const DAY_MS = 86_400_000
const refused = (status: number) => new ApiError(status, '', '')

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  writeTokens({ token: 'old', refreshToken: 'old', issuedAt: Date.now(), expiresAt: Date.now() + DAY_MS })
  api.renewTokens.mockReset()
})
afterEach(() => void vi.useRealTimers())

test.each([['no network', new Error('no network')], ['a 404 of a proxy', refused(404)], ['a 503', refused(503)]])(
  'after %s it asks again within the minute in which a lost pair is given once more',
  async (_, failure) => {
    const session = useSession()
    api.renewTokens.mockRejectedValueOnce(failure).mockRejectedValueOnce(failure)
    api.renewTokens.mockResolvedValue({ token: 'new', refreshToken: 'new', expiresIn: 86_400 })
    while (!api.renewTokens.mock.calls.length) await vi.advanceTimersByTimeAsync(60_000)
    await vi.advanceTimersByTimeAsync(50_000)
    expect(session.token).toBe('new')
    expect(session.ending).toBeNull()
    expect(api.renewTokens).toHaveBeenCalledTimes(3)
  },
)

test('a refused refresh ends the login', async () => {
  const session = useSession()
  api.renewTokens.mockRejectedValue(refused(401))
  await expect(session.renew()).resolves.toBe(false)
  expect(session).toMatchObject({ token: null, ending: 'expired' })
  await vi.advanceTimersByTimeAsync(DAY_MS)
  expect(api.renewTokens).toHaveBeenCalledTimes(1)
})
