/** The theme's colours, read from the tokens, for a canvas that knows no CSS. */
export interface ChartColours {
  ink: string
  soft: string
  line: string
  surface: string
  accent: string
  good: string
  late: string
  missed: string
  series: readonly string[]
}

export function chartColours(): ChartColours {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim()
  return {
    ink: token('ink'),
    soft: token('ink-soft'),
    line: token('line'),
    surface: token('raised'),
    accent: token('accent'),
    good: token('bar-completed'),
    late: token('bar-late'),
    missed: token('bar-missed'),
    series: [token('accent'), token('urgent'), token('routine'), token('critical'), token('good')],
  }
}

/** Axes and tooltip as every chart here has them. */
export function axisStyle(colours: ChartColours) {
  return {
    axisLabel: { color: colours.soft, fontSize: 12, hideOverlap: true },
    axisLine: { lineStyle: { color: colours.line } },
    splitLine: { lineStyle: { color: colours.line } },
    axisTick: { show: false },
  }
}

export function tooltipStyle(colours: ChartColours) {
  return { backgroundColor: colours.surface, borderColor: colours.line, textStyle: { color: colours.ink, fontSize: 13 } }
}
