import { useI18n } from 'vue-i18n'
import type { QuarantineRow } from '@/api/types'

/** Why a report is in quarantine: the codes of the ledger. */
export const REASONS = [
  'unreadable',
  'unattributed',
  'misrouted',
  'unknown_patient',
  'out_of_scope',
  'unknown_instrument',
  'outside_consent',
  'conflict',
  'refused_by_database',
] as const

export function useReasons(): (reason: string) => string {
  const { t, te } = useI18n()
  return (reason) => (te(`quarantine.reasons.${reason}`) ? t(`quarantine.reasons.${reason}`) : reason.replaceAll('_', ' '))
}

/** Where the report lies in Kafka: what tells one row from another. */
export function positionOf(row: Pick<QuarantineRow, 'partition' | 'offset'>): string {
  return `${row.partition}/${row.offset}`
}
