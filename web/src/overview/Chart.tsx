import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { strings } from '../strings'
import type { Series } from './rules'

const HEIGHT_PX = 240
/* The shortest time that is shown, in seconds: below it the axis would count milliseconds. */
const SHORTEST_S = 60
const words = strings.overview.series

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/* Lines differ in their dashes as well as in their colours. */
function optionsOf(width: number): uPlot.Options {
  const axis = {
    stroke: colour('--faint'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line') },
  }
  const line = (label: string, name: string, dash: number[]): uPlot.Series => ({
    label,
    stroke: colour(name),
    width: 2,
    dash,
    points: { show: false },
    spanGaps: false,
  })
  return {
    width,
    height: HEIGHT_PX,
    legend: { live: false },
    cursor: { drag: { x: false, y: false } },
    scales: {
      x: { range: (_plot, min, max) => [Math.min(min, max - SHORTEST_S), max] },
      y: { range: (_plot, _min, max) => [0, Math.max(4, max * 1.1)] },
    },
    axes: [axis, { ...axis, size: 56 }],
    series: [
      {},
      line(words.queued, '--warn', []),
      line(words.processing, '--info', [6, 4]),
      line(words.finished, '--good', [2, 3]),
    ],
  }
}

/* Decoration for the eyes: the table beside it says the same. A change of colours draws it anew. */
export default function Chart({ series }: { series: Series }) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const data: uPlot.AlignedData = [series.at, series.queued, series.processing, series.finished]
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
