// The parts of ECharts that the dashboard draws with; loaded with the first chart that is shown.
import { BarChart, LineChart } from 'echarts/charts'
import { AriaComponent, GridComponent, TooltipComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'

use([LineChart, BarChart, GridComponent, TooltipComponent, AriaComponent, CanvasRenderer])
export { init }
