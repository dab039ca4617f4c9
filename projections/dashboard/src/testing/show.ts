import { mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import type { Component } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import type { Profile, Site } from '@/api/types'
import { i18n, type Language } from '@/i18n'
import { useBoard } from '@/now/board'
import { useSession } from '@/session/store'

export interface Setting {
  language?: Language
  permissions?: readonly string[]
  sites?: readonly Partial<Site>[]
}

const NAMES = ['login', 'now', 'alerts', 'patients', 'patient', 'adverse-events', 'quarantine', 'compliance', 'profile']
const PATHS: Record<string, string> = { now: '/', alerts: '/alerts/:id?', patient: '/patients/:id' }

/** A component as a user of these permissions has it before them; the stores are new, the API is the test's. */
export async function show(component: Component, props: Record<string, unknown>, setting: Setting = {}): Promise<VueWrapper> {
  const { language = 'en', permissions = [], sites = [] } = setting
  const pinia = createPinia()
  setActivePinia(pinia)
  i18n.global.locale.value = language
  useSession().profile = { permissions, userRole: 'doctor', username: 'dr.chen' } as unknown as Profile
  useBoard().sites = sites as Site[]
  const router = createRouter({ history: createMemoryHistory(), routes: NAMES.map((name) => ({ name, path: PATHS[name] ?? `/${name}`, component: { template: '<i />' } })) })
  await router.push('/profile')
  return mount(component, { props, global: { plugins: [pinia, i18n, router] }, attachTo: document.body })
}

/** What has this role and, where it is asked for, this text or name in it. */
export function byRole(wrapper: VueWrapper, role: string, text = ''): Element | undefined {
  const tag = role === 'button' ? 'button, [role=button]' : role === 'link' ? 'a' : `[role=${role}]`
  return [...wrapper.element.ownerDocument.querySelectorAll(tag)].find((one) => `${one.textContent} ${one.getAttribute('aria-label') ?? ''}`.includes(text))
}
