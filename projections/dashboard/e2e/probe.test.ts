import { test } from 'vitest'
import { logIn, visitor } from './browser'
import { sights } from './pages'
test('probe', async () => {
  const { page, complaints, close } = await visitor()
  page.on('console', (m) => console.log('CONSOLE', m.type(), m.text()))
  page.on('response', (r) => { if (r.status() >= 400) console.log(r.status(), r.url()) })
  await logIn(page, 'coord.all')
  const sight = (await sights(page)).find((one) => one.name === (process.env.SIGHT ?? 'patient'))!
  await page.goto(sight.path)
  await page.waitForTimeout(4000)
  await page.screenshot({ path: '/tmp/d1probe.png' })
  console.log(complaints)
  await close()
})
