import { createRouter, createWebHistory, type RouteLocationNormalized } from 'vue-router'
import { useSession } from '@/session/store'

declare module 'vue-router' {
  interface RouteMeta {
    title: string
    open?: boolean
    needs?: string
    data?: boolean
  }
}

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  routes: [
    { path: '/login', name: 'login', component: () => import('@/pages/LoginPage.vue'), meta: { title: 'login.title', open: true } },
    {
      path: '/',
      component: () => import('@/shell/AppShell.vue'),
      children: [
        { path: '', name: 'now', component: () => import('@/pages/NowPage.vue'), meta: { title: 'nav.now', data: true } },
        { path: 'alerts/:id?', name: 'alerts', component: () => import('@/pages/AlertsPage.vue'), meta: { title: 'nav.alerts', data: true } },
        { path: 'patients', name: 'patients', component: () => import('@/pages/PatientsPage.vue'), meta: { title: 'nav.patients', data: true } },
        { path: 'patients/:id', name: 'patient', component: () => import('@/pages/PatientPage.vue'), meta: { title: 'patients.id', data: true } },
        { path: 'compliance', name: 'compliance', component: () => import('@/pages/CompliancePage.vue'), meta: { title: 'nav.compliance', data: true } },
        { path: 'quarantine', name: 'quarantine', component: () => import('@/pages/QuarantinePage.vue'), meta: { title: 'nav.quarantine', data: true, needs: 'quarantine.read' } },
        { path: 'adverse-events', name: 'adverse-events', component: () => import('@/pages/AdverseEventsPage.vue'), meta: { title: 'nav.adverseEvents', data: true } },
        { path: 'profile', name: 'profile', component: () => import('@/pages/ProfilePage.vue'), meta: { title: 'nav.profile' } },
        { path: ':rest(.*)*', name: 'missing', component: () => import('@/pages/MissingPage.vue'), meta: { title: 'state.pageTitle' } },
      ],
    },
  ],
})

router.beforeEach((to) => {
  const session = useSession()
  if (!to.meta.open && !session.loggedIn) return toLogin(to)
  if (to.name === 'login' && session.loggedIn) return comeBack(to)
  return true
})

/** The login page, remembering where one was. */
export function toLogin(from: RouteLocationNormalized) {
  return from.fullPath === '/' ? { name: 'login' } : { name: 'login', query: { next: from.fullPath } }
}

/** Where one was: a path of ours, never another site's address. */
export function comeBack(login: RouteLocationNormalized): string {
  const next = login.query.next
  if (typeof next !== 'string' || !/^\/(?![/\\])/.test(next)) return '/'
  return router.resolve(next).name === 'login' ? '/' : next
}

// A page's file is gone because a new version was installed: load that, once.
router.onError((error: unknown, to) => {
  if (!/dynamically imported module|Importing a module script/i.test(String(error))) return
  const key = 'eightbells.reloaded'
  if (Date.now() - Number(sessionStorage.getItem(key) ?? 0) < 10_000) return
  sessionStorage.setItem(key, String(Date.now()))
  location.assign(to.fullPath)
})
