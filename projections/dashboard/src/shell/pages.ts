import type { IconName } from '@/ui/AppIcon.vue'

export interface PageLink {
  name: IconName & string
  label: string
  needs?: string
}

/** The pages of the navigation; those that need a permission are shown to nobody else. */
export const PAGES: readonly PageLink[] = [
  { name: 'now', label: 'nav.now' },
  { name: 'alerts', label: 'nav.alerts' },
  { name: 'patients', label: 'nav.patients' },
  { name: 'compliance', label: 'nav.compliance' },
  { name: 'adverse-events', label: 'nav.adverseEvents' },
  { name: 'quarantine', label: 'nav.quarantine', needs: 'quarantine.read' },
]
