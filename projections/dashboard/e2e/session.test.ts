import { afterEach, beforeEach, expect, test } from 'vitest'
import { logIn, visitor, type Visitor } from './browser'
import { loginOf } from './stack'

let staff: Visitor
beforeEach(async () => (staff = await visitor()))
afterEach(async () => await staff.close())

test('a wrong password says so and keeps the name; the right one leads to where one wanted to go', async () => {
  const { page, complaints } = staff
  await page.goto('/patients?status=missed')
  await page.waitForURL((address) => address.pathname === '/login' && address.search !== '')
  await page.fill('#username', 'dr.chen')
  await page.fill('#password', 'not it')
  await page.click('button[type=submit]')
  await page.waitForSelector('[role=alert]')
  expect(await page.textContent('[role=alert]')).toContain('User name or password is wrong')
  expect(await page.inputValue('#username')).toBe('dr.chen')
  await page.fill('#password', loginOf('dr.chen').password)
  await page.keyboard.press('Enter')
  await page.waitForURL((address) => address.pathname + address.search === '/patients?status=missed')
  await page.waitForSelector('h1')
  expect(complaints).toEqual([])
})

test('too many attempts show how long to wait', async () => {
  const { page } = staff
  await page.route('**/login', (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({ status: 429, headers: { 'Retry-After': '90' }, contentType: 'application/problem+json', body: '{"status":429,"title":"Too many attempts"}' })
      : route.fallback(),
  )
  await page.goto('/login')
  await page.fill('#username', 'dr.chen')
  await page.fill('#password', 'guess')
  await page.click('button[type=submit]')
  await page.waitForSelector('[role=alert]')
  expect(await page.textContent('[role=alert]')).toMatch(/try again in 2 min/)
  expect(await page.isDisabled('button[type=submit]')).toBe(true)
})

test('an access token that expires in the middle of work is refreshed once, for all requests that wait', async () => {
  const { page } = staff
  await logIn(page, 'dr.chen')
  await page.waitForSelector('[data-window]')
  const old = await page.evaluate(() => (JSON.parse(sessionStorage.getItem('eightbells.session') ?? '{}') as { token: string }).token)
  let refreshes = 0
  let refused = 0
  page.on('request', (request) => (refreshes += Number(request.url().endsWith('/token/refresh'))))
  page.on('response', (response) => (refused += Number(response.status() === 401)))
  await page.route('**/api/v1/**', async (route) => {
    const headers = route.request().headers()
    const spent = headers.authorization === `Bearer ${old}` && !route.request().url().endsWith('/token/refresh')
    await route.continue({ headers: spent ? { ...headers, authorization: 'Bearer spent' } : headers })
  })
  await page.click('a[href="/patients"]')
  await page.waitForSelector('main [role=table] [role=row] a')
  await page.click('main [role=table] [role=row] a')
  await page.waitForSelector('canvas, .message')
  expect(refused).toBeGreaterThan(0)
  expect(refreshes).toBe(1)
  expect(new URL(page.url()).pathname).toMatch(/^\/patients\/./)
})

test('a login that has ended goes to the login page and back to where one was', async () => {
  const { page } = staff
  await logIn(page, 'dr.chen')
  await page.waitForSelector('[data-window]')
  await page.evaluate(() => {
    const pair = JSON.parse(sessionStorage.getItem('eightbells.session') ?? '{}') as object
    sessionStorage.setItem('eightbells.session', JSON.stringify({ ...pair, token: 'gone', refreshToken: 'gone' }))
  })
  await page.goto('/adverse-events')
  await page.waitForURL((address) => address.pathname + address.search === '/login?next=/adverse-events')
  expect(await page.textContent('[role=status]')).toContain('expired')
  await page.fill('#username', 'dr.chen')
  await page.fill('#password', loginOf('dr.chen').password)
  await page.click('button[type=submit]')
  await page.waitForURL('**/adverse-events')
})

test('logging out forgets everything; the back button shows no patient', async () => {
  const { page } = staff
  await logIn(page, 'dr.chen')
  await page.goto('/profile')
  await page.click('.head .el-button')
  await page.waitForURL('**/login')
  expect(await page.evaluate(() => sessionStorage.getItem('eightbells.session'))).toBeNull()
  await page.goBack()
  await page.waitForURL((address) => address.pathname === '/login')
})

test('language and theme change at once and are kept', async () => {
  const { page, complaints } = staff
  await logIn(page, 'dr.chen')
  await page.waitForSelector('[data-window]')
  await page.click('.language')
  await page.waitForSelector('h1:has-text("实时概况")')
  expect(await page.getAttribute('html', 'lang')).toBe('zh-CN')
  await page.waitForSelector('.visit:has-text("晨间日记")')
  await page.goto('/profile')
  await page.click('.el-radio-button:has-text("深色")')
  await page.reload()
  await page.waitForSelector('h1:has-text("个人资料")')
  expect(await page.getAttribute('html', 'class')).toContain('dark')
  expect(complaints).toEqual([])
})
