import type { Page } from 'playwright-core'

/** Every page of the dashboard, and what shows that it is there. */
export interface Sight {
  name: string
  path: string
  ready: string
}

export async function sights(page: Page): Promise<Sight[]> {
  const token = await page.evaluate(() => (JSON.parse(sessionStorage.getItem('eightbells.session') ?? '{}') as { token: string }).token)
  const ask = async <Answer>(path: string) =>
    (await (await page.request.get(path, { headers: { Authorization: `Bearer ${token}` } })).json()) as Answer
  const { alerts } = await ask<{ alerts: { alertId: string; patientId: string }[] }>('/api/v1/alerts?limit=1')
  const { patients } = await ask<{ patients: { patientId: string }[] }>('/api/v1/patients?limit=1')
  const patient = alerts[0]?.patientId ?? patients[0]?.patientId
  return [
    { name: 'now', path: '/', ready: '[data-window]' },
    { name: 'alerts', path: '/alerts', ready: '.split .list' },
    ...(alerts[0] ? [{ name: 'alert', path: `/alerts/${alerts[0].alertId}`, ready: '.detail h2' }] : []),
    { name: 'patients', path: '/patients', ready: '[role=table] [role=row] a' },
    ...(patient ? [{ name: 'patient', path: `/patients/${patient}`, ready: 'canvas, .message' }] : []),
    { name: 'compliance', path: '/compliance', ready: 'canvas' },
    { name: 'adverse-events', path: '/adverse-events', ready: 'main [role=table], main .message' },
    { name: 'quarantine', path: '/quarantine', ready: 'main [role=table], main .message' },
    { name: 'profile', path: '/profile', ready: 'main dl' },
    { name: 'missing', path: '/patients/P-999999', ready: 'main .message' },
  ]
}
