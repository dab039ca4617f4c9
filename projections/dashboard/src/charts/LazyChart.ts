import { defineAsyncComponent } from 'vue'

/** The chart component, fetched when one is first shown. */
export const LazyChart = defineAsyncComponent(() => import('./EChart.vue'))
