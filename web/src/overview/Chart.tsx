import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { strings } from '../strings'
import { formatClock } from '../ui/format'
import { ENDINGS, type Ending, type Series } from './rules'

const HEIGHT_PX = 240
const words = strings.overview.endings

/* Lines differ in their dashes as well as in their colours. */
const LOOKS: Record<Ending, { colour: string; dash: number[] }> = {
  completed: { colour: '--good', dash: [] },
  failed: { colour: '--bad', dash: [6, 4] },
  retried: { colour: '--warn', dash: [2, 3] },
  cancelled: { colour: '--faint', dash: [10, 3, 2, 3] },
}

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function optionsOf(width: number): uPlot.Options {
  const axis = { stroke: colour('--faint'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line') } }
  const line = (ending: Ending): uPlot.Series => ({
    label: words[ending], stroke: colour(LOOKS[ending].colour), width: 2, dash: LOOKS[ending].dash, points: { show: false },
  })
  return {
    width,
    height: HEIGHT_PX,
    legend: { live: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [{ ...axis, values: (_plot, at) => at.map((s) => formatClock(s * 1000)) }, { ...axis, size: 56 }],
    series: [{}, ...ENDINGS.map(line)],
  }
}

/* Decoration for the eyes: the table beside it says the same. A change of colours draws it anew. */
export default function Chart({ series }: { series: Series }) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const data: uPlot.AlignedData = [series.at, ...ENDINGS.map((ending) => series[ending])]
  const latest = useRef(data)
  latest.current = data
  useEffect(() => {
    const place = box.current
    if (place === null) {
      return
    }
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(place.clientWidth), latest.current, place)
    }
    draw()
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    const theme = new MutationObserver(draw)
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    const size = new ResizeObserver(() => plot.current?.setSize({ width: place.clientWidth, height: HEIGHT_PX }))
    size.observe(place)
    return () => {
      dark.removeEventListener('change', draw)
      theme.disconnect()
      size.disconnect()
      plot.current?.destroy()
    }
  }, [])
  useEffect(() => plot.current?.setData(data))
  return <div className="chart" ref={box} aria-hidden="true" />
}
