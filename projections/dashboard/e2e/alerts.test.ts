import { expect, test } from 'vitest'
import { logIn, visitor } from './browser'
import { apiAs, prepareBurst } from './stack'

interface Alert {
  alertId: string
  patientId: string
}

async function openAlert(): Promise<Alert> {
  const ask = await apiAs('dr.chen')
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const { alerts } = await ask<{ alerts: Alert[] }>('/api/v1/alerts?state=open&limit=1')
    if (alerts[0]) return alerts[0]
    await prepareBurst(500, ['S-01'])(4) // one report in a hundred raises an alert
  }
  throw new Error('No open alert at S-01: the bursts raised none.')
}

test('an alert appears by itself, in the list and in the counter, without a reload', async () => {
  const burst = prepareBurst(1000)
  const { page, complaints, close } = await visitor()
  try {
    await logIn(page, 'coord.all')
    await page.goto('/alerts')
    await page.waitForSelector('.pill.live')
    const before = await page.$$eval('[data-alert]', (items) => items.map((item) => item.getAttribute('data-alert')))
    await burst(4)
    const arrived = () => page.$$eval('[data-alert]', (items, known) => items.filter((item) => !known.includes(item.getAttribute('data-alert'))).length, before)
    await expect.poll(arrived, { timeout: 10_000 }).toBeGreaterThan(0)
    expect(await page.textContent('[data-alert]')).toContain('New')
    expect(complaints).toEqual([])
  } finally {
    await close()
  }
})

test('of two people who acknowledge at once the second learns who was first; then it is assessed, reported, closed', async () => {
  const alert = await openAlert()
  const [doctor, coordinator] = await Promise.all([visitor(), visitor()])
  try {
    await Promise.all([logIn(doctor.page, 'dr.chen'), logIn(coordinator.page, 'coord.all')])
    // The coordinator's page does not hear of the doctor's: it is shown the open alert until it acknowledges.
    let acknowledged = false
    let asOpened: Buffer | null = null
    await coordinator.page.route(`**/api/v1/alerts/${alert.alertId}`, async (route) => {
      if (acknowledged) return await route.fallback()
      asOpened ??= await (await route.fetch()).body()
      await route.fulfill({ contentType: 'application/json', body: asOpened })
    })
    coordinator.page.on('request', (request) => (acknowledged ||= request.url().endsWith('/acknowledge')))
    for (const { page } of [doctor, coordinator]) {
      await page.goto(`/alerts/${alert.alertId}`)
      await page.waitForSelector('.detail .actions > form > button')
    }
    await doctor.page.fill('#note', 'Calling the ward.')
    await doctor.page.click('.detail .actions > form > button')
    await doctor.page.waitForSelector('.el-radio')
    await coordinator.page.click('.detail .actions > form > button')
    await coordinator.page.waitForSelector('[role=alert]:has-text("dr.chen acknowledged this alert first")')

    const { page } = doctor
    expect(await page.textContent('.detail')).toContain('Calling the ward.')
    await page.click('.el-radio:has-text("Serious adverse event")')
    await page.click('.detail .actions > form > button')
    await page.waitForSelector('#outcome')
    await page.click('text=Report adverse event')
    await page.fill('#term', 'Fever')
    await page.click('.el-radio-button:has-text("3 ·")')
    await page.click('.el-checkbox')
    await page.click('.el-dialog button[type=submit]')
    await page.waitForSelector('text=An adverse event has been reported.')
    await page.fill('#outcome', 'Recovered')
    await page.click('.detail .actions > form > button')
    await page.waitForSelector('text=Closed: Recovered')
    await page.goto('/adverse-events')
    await page.waitForSelector(`[role=row]:has-text("${alert.patientId}"):has-text("Fever")`)
    expect(doctor.complaints).toEqual([])
  } finally {
    await doctor.close()
    await coordinator.close()
  }
})
