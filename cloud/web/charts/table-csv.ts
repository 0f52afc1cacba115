/** Pure: a table as CSV. An empty cell is no data. With `comma` the columns are parted by semicolons. */

export type CsvCell = string | number | null;

export function tableCsv(names: readonly string[], rows: readonly (readonly CsvCell[])[], decimal: 'dot' | 'comma'): string {
  const separator = decimal === 'comma' ? ';' : ',';
  const line = (cells: readonly CsvCell[]) => cells.map((cell) => cellText(cell, decimal)).join(separator);
  return `${[names, ...rows].map(line).join('\n')}\n`;
}

function cellText(cell: CsvCell, decimal: 'dot' | 'comma'): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return decimal === 'comma' ? String(cell).replace('.', ',') : String(cell);
  return /[",;\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
