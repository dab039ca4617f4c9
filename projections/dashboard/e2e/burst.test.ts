import { loadavg } from 'node:os'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { differences, shownBoard } from './board'
import { logIn, visitor } from './browser'
import { assignNew, FEVER, type Posted, postEvenly } from './reports'
import { ahead, figures, type Sighting, sightings, watch } from './sightings'
import { allSites, fromDatabase, prepareBurst } from './stack'

// `make dashboard-figures` sends more, and states how long reports and alerts take to the screen.
const BURST = Number(process.env.BURST ?? 1000)
const OVER_S = Number(process.env.OVER ?? 10)
const MARKED_PER_S = Math.max(4, BURST / 1000)
const QUIET_SITES = 10

interface Raised {
  alert_id: string
  report_id: string
  level: string
  site_id: string
  patient_id: string
}

function alertsOf(posted: readonly Posted[]): Raised[] {
  const ids = posted.map((one) => `'${one.reportId}'`).join()
  return JSON.parse(fromDatabase(`select alert_id, report_id, level, site_id, patient_id from alerts where report_id in (${ids})`)) as Raised[]
}

function windowOf(posted: readonly Posted[]): Map<string, string> {
  const visits = posted.map((one) => `('${one.patientId}','${one.visitId}')`).join()
  const rows = JSON.parse(fromDatabase(`select patient_id, site_id || '/' || slot_id as key from visits where (patient_id, visit_id) in (${visits})`)) as { patient_id: string; key: string }[]
  return new Map(rows.map((row) => [row.patient_id, row.key]))
}

function newestAlerts(count: number): string[] {
  const rows = JSON.parse(fromDatabase(`select alert_id from alerts where state = 'open' order by raised_at desc, alert_id desc limit ${count}`)) as { alert_id: string }[]
  return rows.map((row) => row.alert_id)
}

async function listed(page: Page): Promise<(string | null)[]> {
  return await page.$$eval('[data-alert]', (items) => items.map((item) => item.getAttribute('data-alert')))
}

/** From each 202 to the number that counts it: the n-th accepted at a site is there once n more are shown. */
function untilCounted(posted: readonly Posted[], seen: readonly Sighting[], clockAhead: number): number[] {
  const keys = windowOf(posted)
  const found: number[] = []
  for (const key of new Set(keys.values())) {
    const [first, ...moves] = seen.filter((one) => one.what === key).map((one) => ({ at: one.at, count: Number(one.value.replaceAll(',', '')) }))
    const accepted = posted.filter((one) => keys.get(one.patientId) === key).sort((a, b) => a.acceptedAt - b.acceptedAt)
    accepted.forEach((report, index) => {
      const move = moves.find((one) => one.count > first!.count + index)
      expect(move, `report ${index + 1} of ${key} is counted on the screen`).toBeDefined()
      found.push(move!.at - clockAhead - report.acceptedAt)
    })
  }
  return found
}

/** From each POST to its alert in the list. */
function untilListed(posted: readonly Posted[], seen: readonly Sighting[], clockAhead: number): number[] {
  const raised = new Map(alertsOf(posted).map((alert) => [alert.report_id, alert]))
  const firstSeen = new Map(seen.toReversed().map((one) => [one.what, one.at]))
  return posted.map((report) => {
    const alert = raised.get(report.reportId)
    expect(alert).toMatchObject({ level: 'urgent', site_id: report.siteId, patient_id: report.patientId })
    const at = firstSeen.get(alert!.alert_id)
    expect(at, `the alert of ${report.patientId} was on the screen`).toBeDefined()
    return at! - clockAhead - report.postedAt
  })
}

test('during a burst every alert comes onto the screen and every number moves; afterwards all are the database’s', { timeout: 400_000 }, async () => {
  const sites = allSites()
  const quiet = sites.slice(-QUIET_SITES)
  const marked = assignNew(Math.round(MARKED_PER_S * OVER_S * 0.8), quiet)
  const burst = prepareBurst(BURST, sites.slice(0, -QUIET_SITES))
  const [now, alerts] = await Promise.all([visitor(), visitor()])
  try {
    await Promise.all([logIn(now.page, 'coord.all'), logIn(alerts.page, 'coord.all')])
    await alerts.page.goto('/alerts')
    await Promise.all([now.page.waitForSelector('.pill.live'), alerts.page.waitForSelector('.pill.live')])
    await expect.poll(() => differences(now.page), { timeout: 30_000, interval: 1000 }).toEqual([])
    const before = (await shownBoard(now.page)).totals.completed
    await watch(now.page, '[data-window]', 'data-window', '[data-cell=completed]')
    await watch(alerts.page, '[data-alert]', 'data-alert')
    const sending = burst(OVER_S)
    await expect.poll(async () => (await shownBoard(now.page)).totals.completed, { timeout: 60_000 }).toBeGreaterThan(before)
    const posted = await postEvenly(marked, FEVER, MARKED_PER_S)
    const load = loadavg()[0]!.toFixed(1)
    await sending
    await expect.poll(() => differences(now.page), { timeout: 60_000, interval: 1000 }).toEqual([])
    expect((await shownBoard(now.page)).totals.completed).toBe(before + BURST + marked.length)
    await expect.poll(async () => (await listed(alerts.page)).slice(0, 50), { timeout: 30_000 }).toEqual(newestAlerts(50))

    const counted = untilCounted(posted, await sightings(now.page), await ahead(now.page))
    const raised = untilListed(posted, await sightings(alerts.page), await ahead(alerts.page))
    console.log(
      `\nburst of ${BURST} in ${OVER_S} s, ${posted.length} marked reports, load ${load}\n` +
        `POST → 202: ${figures(posted.map((one) => one.acceptedAt - one.postedAt))}\n202 → number on screen: ${figures(counted)}\nPOST → alert on screen: ${figures(raised)}\n` +
        `Now page = database: ${Object.keys((await shownBoard(now.page)).windows).length} windows of ${sites.length} sites, and the totals`,
    )
    expect([...now.complaints, ...alerts.complaints]).toEqual([])
  } finally {
    await Promise.all([now.close(), alerts.close()])
  }
})
