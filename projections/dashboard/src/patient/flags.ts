/** What the worker noted on a report, as a flat list: of its clock, of the report, of single items. */
export function flagWords(flags: Record<string, unknown> | null): string[] {
  if (!flags) return []
  return Object.entries(flags).flatMap(([kind, value]) => {
    if (kind === 'items' && typeof value === 'object' && value !== null)
      return Object.entries(value).map(([item, flag]) => `${item}: ${String(flag)}`)
    if (Array.isArray(value)) return value.map(String)
    return value === true ? [kind] : []
  })
}
