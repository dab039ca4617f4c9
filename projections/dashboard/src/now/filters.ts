import { computed, ref } from 'vue'
import { phaseOf } from './counts'
import { useBoard } from './board'

export type When = 'opened' | 'open' | 'upcoming'

/** Which of the board's windows are shown, and in which order: what needs attention first. */
export function useWindowFilters() {
  const board = useBoard()
  const when = ref<When>('opened')
  const visitCode = ref('')
  const opened = computed(() => board.rows.filter((row) => phaseOf(row, board.serverNow) !== 'upcoming'))
  const upcoming = computed(() => board.rows.filter((row) => phaseOf(row, board.serverNow) === 'upcoming'))
  const visits = computed(() => [...new Map(board.rows.map((row) => [row.visitCode, row.visitName]))])
  const chosen = computed(() => {
    if (when.value === 'upcoming') return upcoming.value
    if (when.value === 'opened') return opened.value
    return opened.value.filter((row) => phaseOf(row, board.serverNow) !== 'missed')
  })
  // The order depends on the windows' times alone, so that rows do not jump while numbers move.
  const shown = computed(() =>
    chosen.value
      .filter((row) => !visitCode.value || row.visitCode === visitCode.value)
      .sort(
        (a, b) =>
          (when.value === 'upcoming' ? 1 : -1) * (Date.parse(a.opensAt) - Date.parse(b.opensAt)) ||
          a.siteId.localeCompare(b.siteId) ||
          a.slotId - b.slotId,
      ),
  )
  return { when, visitCode, visits, opened, upcoming, shown }
}
