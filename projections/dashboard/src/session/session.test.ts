import axios, { AxiosError, type AxiosAdapter } from 'axios'
import { expect, test, vi } from 'vitest'
import { authenticate } from '@/api/client'
import { renewalDelay } from './tokens'

function backend(good: () => string): AxiosAdapter {
  return async (config) => {
    const sent = String(config.headers.get('Authorization'))
    const status = sent === `Bearer ${good()}` ? 200 : 401
    const response = { data: {}, status, statusText: '', headers: {}, config }
    if (status === 401) throw new AxiosError('refused', undefined, config, undefined, response)
    return response
  }
}

test('requests that meet an expired token wait for one refresh and are sent again', async () => {
  let token = 'old'
  const renew = vi.fn(async () => {
    await new Promise((done) => setTimeout(done, 5))
    token = 'new'
    return true
  })
  const shared = { now: null as Promise<boolean> | null }
  const client = axios.create({ adapter: backend(() => 'new') })
  authenticate(client, { token: () => token, renew: () => (shared.now ??= renew()), ended: vi.fn() })
  const answers = await Promise.all(Array.from({ length: 5 }, () => client.get('/x')))
  expect(answers.every((answer) => answer.status === 200)).toBe(true)
  expect(renew).toHaveBeenCalledTimes(1)
})

test('a refused refresh ends the login; one that fails for want of a network does not', async () => {
  const ended = vi.fn()
  const refused = axios.create({ adapter: backend(() => 'never') })
  authenticate(refused, { token: () => 'old', renew: async () => false, ended })
  await expect(refused.get('/x')).rejects.toMatchObject({ status: 401 })
  expect(ended).toHaveBeenCalledTimes(1)
  const offline = axios.create({ adapter: backend(() => 'never') })
  authenticate(offline, { token: () => 'old', renew: async () => Promise.reject(new Error('no network')), ended })
  await expect(offline.get('/x')).rejects.toThrow('no network')
  expect(ended).toHaveBeenCalledTimes(1)
})

test('a refresh happens between 50 and 80 percent of the lifetime', () => {
  const pair = { token: '', refreshToken: '', issuedAt: 0, expiresAt: 1000 }
  expect(renewalDelay(pair, 0, 0)).toBe(500)
  expect(renewalDelay(pair, 0, 1)).toBe(800)
  expect(renewalDelay(pair, 900, 0)).toBe(0)
})
