import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { logIn, visitor } from './browser'
import { assignNew, post, SELF_HARM } from './reports'
import { apiAs, fromDatabase, loginOf } from './stack'

const MOST_TABS = 400

/** What has the focus: the nearest thing that can be told from others, and whether a person can see it. */
async function focused(page: Page) {
  return await page.evaluate(() => {
    const element = document.activeElement as HTMLElement
    // Radios and checkboxes are drawn by what surrounds them.
    const drawn = element.closest<HTMLElement>('.el-radio, .el-radio-button, .el-checkbox, .el-input__wrapper, .el-select__wrapper') ?? element
    const marked = [drawn, ...drawn.querySelectorAll<HTMLElement>('*')].some((one) => {
      const style = getComputedStyle(one)
      return (style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
    })
    const box = drawn.getBoundingClientRect()
    const inView = box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth
    return { text: (drawn.textContent ?? '').trim().slice(0, 60), tag: element.tagName, id: element.id, visible: marked && inView, inDialog: element.closest('[role=dialog]') !== null }
  })
}

/** Go on with the Tab key until the focus is in what matches; every stop on the way has to be visible. */
async function tabTo(page: Page, selector: string): Promise<void> {
  const unseen: unknown[] = []
  for (let stop = 0; stop < MOST_TABS; stop += 1) {
    await page.keyboard.press('Tab')
    const at = await focused(page)
    if (at.tag !== 'BODY' && !at.visible) unseen.push(at)
    if (await page.evaluate((wanted) => document.activeElement?.closest(wanted) !== null && document.activeElement !== document.body, selector)) {
      expect(unseen).toEqual([])
      return
    }
  }
  throw new Error(`The Tab key does not lead to ${selector}`)
}

test('the whole flow of an alert by keyboard alone: log in, open, acknowledge, assess, report, close', async () => {
  const [patient] = assignNew(1, ['S-01'], 'baseline')
  const { reportId } = await post(patient!, SELF_HARM)
  const stored = () => (JSON.parse(fromDatabase(`select alert_id, state from alerts where report_id = '${reportId}'`)) as { alert_id: string; state: string }[])[0]
  await expect.poll(stored, { timeout: 30_000 }).toMatchObject({ state: 'open' })
  const alertId = stored()!.alert_id
  const { page, complaints, close } = await visitor()
  const { keyboard } = page
  try {
    const { username, password } = loginOf('dr.chen')
    await page.goto('/login?next=/alerts')
    await page.waitForSelector('#username')
    if ((await focused(page)).id !== 'username') await tabTo(page, '#username')
    await keyboard.type(username)
    await tabTo(page, '#password')
    await keyboard.type(password)
    await keyboard.press('Enter')
    await page.waitForSelector(`[data-alert="${alertId}"]`)

    await page.evaluate(() => (document.activeElement as HTMLElement).blur())
    await keyboard.press('Tab')
    expect(await focused(page)).toMatchObject({ text: 'Skip to content', visible: true })
    await keyboard.press('Enter')
    expect((await focused(page)).id).toBe('main')

    await tabTo(page, `[data-alert="${alertId}"]`)
    await keyboard.press('Enter')
    await page.waitForSelector('#note')
    await tabTo(page, '#note')
    await keyboard.type('Called the patient.')
    await tabTo(page, '.detail button[type=submit]')
    await keyboard.press('Enter')
    await page.waitForSelector('.el-radio')
    expect(stored()).toMatchObject({ state: 'acknowledged' })

    await tabTo(page, '.detail .el-radio')
    await keyboard.press('ArrowDown')
    await keyboard.press('ArrowDown')
    expect(await page.textContent('.el-radio.is-checked')).toContain('Serious adverse event')
    await tabTo(page, '.detail button[type=submit]')
    await keyboard.press('Enter')
    await page.waitForSelector('#outcome')

    await tabTo(page, '.detail .report button')
    await keyboard.press('Enter')
    await page.waitForSelector('[role=dialog] #term')
    await expect.poll(async () => (await focused(page)).inDialog).toBe(true)
    for (let stop = 0; stop < 20; stop += 1) {
      await keyboard.press('Tab')
      expect((await focused(page)).inDialog, 'the focus stays in the dialog').toBe(true)
    }
    await keyboard.press('Escape')
    await page.waitForSelector('[role=dialog] #term', { state: 'hidden' })
    await expect.poll(async () => (await focused(page)).text).toBe('Report adverse event') // where one was
    await keyboard.press('Enter')
    await page.waitForSelector('[role=dialog] #term')
    await tabTo(page, '#term')
    await keyboard.type('Suicidal ideation')
    await tabTo(page, '.el-radio-button')
    await keyboard.press('ArrowRight')
    await tabTo(page, '.el-checkbox')
    await keyboard.press('Space')
    await tabTo(page, '[role=dialog] button[type=submit]')
    await keyboard.press('Enter')
    await page.waitForSelector('text=An adverse event has been reported.')
    await page.waitForSelector('[role=dialog] #term', { state: 'hidden' })

    await tabTo(page, '#outcome')
    await keyboard.type('Referred to psychiatry')
    await keyboard.press('Enter')
    await page.waitForSelector('text=Closed: Referred to psychiatry')
    expect(stored()).toMatchObject({ state: 'closed' })
    const { adverseEvents } = await (await apiAs('dr.chen'))<{ adverseEvents: object[] }>(`/api/v1/adverse-events?patientId=${patient!.patientId}`)
    expect(adverseEvents).toMatchObject([{ alertId, term: 'Suicidal ideation', serious: true }])
    expect(complaints).toEqual([])
  } finally {
    await close()
  }
})

test('a list of four hundred alerts is walked through by keyboard, there and back, though few of them are in the document', async () => {
  const { page, close } = await visitor()
  try {
    await page.route(/\/api\/v1\/alerts\?/, async (route) => {
      const list = (await (await route.fetch()).json()) as { alerts: object[]; nextCursor: string | null }
      const alerts = Array.from({ length: 400 }, (_, index) => ({ ...list.alerts[0], alertId: `00000000-0000-5000-8000-${String(index).padStart(12, '0')}` }))
      await route.fulfill({ json: { ...list, alerts, nextCursor: null } })
    })
    await logIn(page, 'coord.all')
    await page.goto('/alerts')
    await page.waitForSelector('[data-alert]')
    const at = () => page.evaluate(() => ({ alert: document.activeElement?.getAttribute('data-alert')?.slice(-3), drawn: document.querySelectorAll('[data-alert]').length }))
    await page.focus('[data-alert]')
    const walk = async (key: string, wanted: number[]) => {
      for (const index of wanted) {
        await page.keyboard.press(key)
        const { alert, drawn } = await at()
        expect(alert).toBe(String(index).padStart(3, '0'))
        expect(drawn).toBeLessThan(150)
        expect((await focused(page)).visible).toBe(true)
      }
    }
    const all = Array.from({ length: 400 }, (_, index) => index)
    await walk('Tab', all.slice(1))
    await walk('Shift+Tab', all.slice(350, 399).reverse())
  } finally {
    await close()
  }
})

test('reduced motion is respected: nothing moves for longer than an instant', async () => {
  const { page, close } = await visitor({ width: 390 })
  try {
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await logIn(page, 'coord.all')
    await page.waitForSelector('[data-window]')
    for (const path of ['/', '/alerts', '/compliance']) {
      await page.goto(path)
      await page.waitForSelector('h1')
      await page.click('.burger')
      const slow = await page.evaluate(() => {
        const seconds = (text: string) => Math.max(...text.split(',').map((one) => Number.parseFloat(one) * (one.trim().endsWith('ms') ? 0.001 : 1)))
        return [...document.querySelectorAll('*')]
          .filter((one) => { const style = getComputedStyle(one); return seconds(style.transitionDuration) > 0.01 || (style.animationName !== 'none' && seconds(style.animationDuration) > 0.01) })
          .map((one) => one.outerHTML.slice(0, 120))
      })
      expect(slow).toEqual([])
    }
  } finally {
    await close()
  }
})
