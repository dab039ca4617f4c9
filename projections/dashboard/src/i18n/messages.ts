import * as adverse from './texts/adverse'
import * as alerts from './texts/alerts'
import * as compliance from './texts/compliance'
import * as now from './texts/now'
import * as patients from './texts/patients'
import * as quarantine from './texts/quarantine'
import * as session from './texts/session'
import * as shell from './texts/shell'
import * as states from './texts/states'
import type { Texts } from './shape'

/** Every text of the dashboard, by language; `texts/` has one file for each area, with both languages. */
export const zh = {
  ...shell.zh,
  ...states.zh,
  ...session.zh,
  ...now.zh,
  ...alerts.zh,
  ...adverse.zh,
  ...patients.zh,
  ...compliance.zh,
  ...quarantine.zh,
}

export const en: Texts<typeof zh> = {
  ...shell.en,
  ...states.en,
  ...session.en,
  ...now.en,
  ...alerts.en,
  ...adverse.en,
  ...patients.en,
  ...compliance.en,
  ...quarantine.en,
}
