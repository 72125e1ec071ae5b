import type { ReactNode } from 'react'
import { strings } from '../strings'

export interface Column<Row> {
  key: string
  title: string
  cell: (row: Row) => ReactNode
  align?: 'end'
  wide?: boolean // takes what room is left
  phone?: 'hidden' // left out where the screen is narrow
}

interface Selection {
  keys: ReadonlySet<string>
  toggle: (key: string) => void
  toggleAll: () => void
}

interface Props<Row> {
  caption: string // for those who do not see it
  rows: readonly Row[]
  columns: readonly Column<Row>[]
  rowKey: (row: Row) => string
  rowLabel: (row: Row) => string // names the row for its checkbox
  onOpen?: (row: Row) => void // a click anywhere on the row; its first column should hold a button or link too
  active?: string | null // the row that j and k have come to
  selection?: Selection
}

export function Table<Row>(props: Props<Row>) {
  const { caption, rows, columns, rowKey, rowLabel, onOpen, active, selection } = props
  const all = selection !== undefined && rows.length > 0 && rows.every((row) => selection.keys.has(rowKey(row)))
  return (
    <div className="table-frame">
      <table className="table">
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            {selection !== undefined && (
              <th scope="col" className="table-check">
                <label className="hit">
                  <input type="checkbox" checked={all} aria-label={strings.selectAll} onChange={selection.toggleAll} />
                </label>
              </th>
            )}
            {columns.map((column) => (
              <th key={column.key} scope="col" className={cellClass(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = rowKey(row)
            return (
              <tr
                key={key}
                data-key={key}
                className={rowClass(key === active, selection?.keys.has(key) ?? false, onOpen !== undefined)}
                onClick={(event) => {
                  // A click on a control in the row is that control's.
                  if (!(event.target as HTMLElement).closest('a, button, input, label, select')) {
                    onOpen?.(row)
                  }
                }}
              >
                {selection !== undefined && (
                  <td className="table-check">
                    <label className="hit">
                      <input
                        type="checkbox"
                        checked={selection.keys.has(key)}
                        aria-label={strings.select(rowLabel(row))}
                        onChange={() => selection.toggle(key)}
                      />
                    </label>
                  </td>
                )}
                {columns.map((column) => (
                  <td key={column.key} className={cellClass(column)} data-label={column.title}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function cellClass<Row>({ align, wide, phone }: Column<Row>): string | undefined {
  const names = [align === 'end' ? 'cell-end' : '', wide ? 'cell-wide' : '', phone === 'hidden' ? 'cell-roomy' : '']
  return names.filter(Boolean).join(' ') || undefined
}

function rowClass(active: boolean, selected: boolean, opens: boolean): string | undefined {
  const names = [active ? 'row-active' : '', selected ? 'row-selected' : '', opens ? 'row-opens' : '']
  return names.filter(Boolean).join(' ') || undefined
}
