import { expect, test } from 'vitest'
import { differences, shownBoard } from './board'
import { logIn, visitor } from './browser'
import { assignNew, post, WELL } from './reports'
import { eightbells } from './stack'

test('a worker that stands still shows as a lag that grows; when it goes on, the page catches up and says so', { timeout: 200_000 }, async () => {
  const [patient] = assignNew(1, ['S-01'])
  const { processes } = JSON.parse(eightbells('status', '--json')) as { processes: { worker: { pid: number } } }
  const { page, close } = await visitor()
  try {
    await logIn(page, 'coord.all')
    await page.waitForSelector('.pill.live:not(.slow)', { timeout: 30_000 })
    await expect.poll(() => differences(page), { timeout: 30_000, interval: 500 }).toEqual([])
    const before = (await shownBoard(page)).totals.completed
    process.kill(processes.worker.pid, 'SIGSTOP')
    try {
      await post(patient!, WELL)
      await page.waitForSelector('.pill.slow', { timeout: 60_000 })
      expect(await page.textContent('.pill .fresh')).toMatch(/as of \d\d:\d\d:\d\d/i)
      await page.waitForSelector('.attention li:has-text("behind")', { timeout: 60_000 })
      expect((await shownBoard(page)).totals.completed).toBe(before) // it shows what is known, and says how old that is
    } finally {
      process.kill(processes.worker.pid, 'SIGCONT')
    }
    await expect.poll(async () => (await shownBoard(page)).totals.completed, { timeout: 60_000 }).toBe(before + 1)
    await page.waitForSelector('.pill.live:not(.slow)', { timeout: 60_000 })
    await page.waitForSelector('.attention li:has-text("behind")', { state: 'detached', timeout: 60_000 })
    await expect.poll(() => differences(page), { timeout: 30_000, interval: 500 }).toEqual([])
  } finally {
    await close()
  }
})
