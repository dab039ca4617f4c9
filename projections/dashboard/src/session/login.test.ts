import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiError } from '@/api/problems'
import { byRole, show } from '@/testing/show'
import LoginForm from './LoginForm.vue'
import { useSession } from './store'

const api = vi.hoisted(() => ({ logIn: vi.fn(), renewTokens: vi.fn(), readProfile: vi.fn(), logOut: vi.fn() }))
vi.mock('@/api/identity', () => api)
let shown: VueWrapper | undefined
beforeEach(() => (sessionStorage.clear(), vi.clearAllMocks()))
afterEach(() => shown?.unmount())

async function enter(username: string, password: string): Promise<void> {
  await shown!.find('#username').setValue(username)
  await shown!.find('#password').setValue(password)
  await shown!.find('form').trigger('submit')
  await flushPromises()
}
const told = () => byRole(shown!, 'alert')?.textContent
const value = (field: string) => (shown!.find(field).element as HTMLInputElement).value

test.each([['en', 'Enter your user name and your password.'], ['zh', '请输入用户名和密码。']] as const)('nothing is sent without both: %s', async (language, words) => {
  shown = await show(LoginForm, {}, { language })
  await enter('dr.chen', '')
  expect(told()).toBe(words)
  expect(api.logIn).not.toHaveBeenCalled()
})

test('a wrong password is said, to a screen reader too, and the name stays', async () => {
  api.logIn.mockRejectedValueOnce(new ApiError(401, 'Unauthorized', ''))
  shown = await show(LoginForm, {})
  await enter('dr.chen', 'guess')
  expect(told()).toContain('User name or password is wrong')
  expect(shown.find('#password').attributes('aria-describedby')).toBe('login-error')
  expect(value('#username')).toBe('dr.chen')
})

test('after too many attempts it says how long to wait, and sends none', async () => {
  api.logIn.mockRejectedValueOnce(new ApiError(429, 'Too many', '', 90))
  shown = await show(LoginForm, {})
  await enter('dr.chen', 'guess')
  expect(told()).toContain('You can try again in 2 min')
  expect(shown.find('button[type=submit]').attributes('disabled')).toBeDefined()
  await enter('dr.chen', 'again')
  expect(api.logIn).toHaveBeenCalledTimes(1)
})

test('an account that is not the fault: a server that cannot be reached is said so', async () => {
  api.logIn.mockRejectedValueOnce(new ApiError(0, 'No answer', ''))
  shown = await show(LoginForm, {})
  await enter('dr.chen', 'right')
  expect(told()).toContain('The server cannot be reached')
})

const pair = (name: string) => ({ token: name, refreshToken: `r-${name}`, expiresIn: 900 })

test('however many ask for a new token, one refresh is sent and all get its answer', async () => {
  shown = await show(LoginForm, {})
  const session = useSession()
  api.logIn.mockResolvedValueOnce(pair('old'))
  await session.start('dr.chen', 'right')
  let answer: (tokens: object) => void = () => undefined
  api.renewTokens.mockReturnValueOnce(new Promise((done) => (answer = done)))
  const waiting = Promise.all([session.renew(), session.renew(), session.renew()])
  answer(pair('new'))
  expect(await waiting).toEqual([true, true, true])
  expect(api.renewTokens).toHaveBeenCalledTimes(1)
  expect(session.token).toBe('new')
})

test('a refresh that is refused ends the login and forgets its tokens; one without an answer does not', async () => {
  shown = await show(LoginForm, {})
  const session = useSession()
  api.logIn.mockResolvedValueOnce(pair('old'))
  await session.start('dr.chen', 'right')
  api.renewTokens.mockRejectedValueOnce(new ApiError(0, 'No answer', ''))
  await expect(session.renew()).rejects.toThrow('No answer')
  expect(session.loggedIn).toBe(true)
  api.renewTokens.mockRejectedValueOnce(new ApiError(401, 'Unauthorized', ''))
  expect(await session.renew()).toBe(false)
  expect([session.loggedIn, session.ending, sessionStorage.getItem('eightbells.session')]).toEqual([false, 'expired', null])
})
