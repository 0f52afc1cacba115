/**
 * Pure: what the explorer shows, for other programs: the very range, resolution, statistics and series on the page, in the form of the
 * API's `layout=columns`. The files are the API's own, byte for byte, unless the reader's CSV has a decimal comma.
 */
import { type ExploreTable, exploreAddress, UNKNOWN_AS_NULL } from './explore-table.ts';

const STAT_OF: Readonly<Record<string, string>> = { energyKwh: 'energy' };

/** Names of the columns after `start`: REFERENCE.STATISTIC. */
export function columnNames(table: ExploreTable): string[] {
  return table.series.flatMap(({ ref }) => table.columns.map((name) => `${ref}.${name}`));
}

/** The numbers of a row in the order of `columnNames`. */
export function cellsAt(table: ExploreTable, index: number): (number | null)[] {
  return table.series.flatMap(({ columns }) => table.columns.map((name) => columns[name]?.[index] ?? null));
}

/** An empty cell is no data. With `comma` the columns are parted by semicolons. */
export function csvText(table: ExploreTable, decimal: 'dot' | 'comma'): string {
  const separator = decimal === 'comma' ? ';' : ',';
  const number = (value: number | null) => {
    const text = value === null ? '' : String(value);
    return decimal === 'comma' ? text.replace('.', ',') : text;
  };
  const lines = table.startsMs.map((startMs, index) => [isoOf(startMs), ...cellsAt(table, index).map(number)].join(separator));
  return `${[['start', ...columnNames(table)].join(separator), ...lines].join('\n')}\n`;
}

export function ndjsonText(table: ExploreTable): string {
  const names = columnNames(table);
  const lines = table.startsMs.map((startMs, index) => {
    const cells = cellsAt(table, index);
    return `${JSON.stringify({ start: isoOf(startMs), ...Object.fromEntries(names.map((name, at) => [name, cells[at]])) })}\n`;
  });
  return lines.join('');
}

/** The address that gives the same figures, with fixed instants: it means the same tomorrow. */
export function questionFor(table: ExploreTable, origin: string, format: 'csv' | 'ndjson'): string {
  const question = {
    refs: table.series.map(({ ref }) => ref),
    from: isoOf(table.fromMs),
    to: isoOf(table.toMs),
    tz: table.tz,
    grain: { resolution: table.resolution },
  };
  const stats = table.columns.map((name) => STAT_OF[name] ?? name);
  const unknown = table.series.some(({ isUnknown }) => isUnknown) ? UNKNOWN_AS_NULL : {};
  return origin + exploreAddress(question, stats, { ...unknown, layout: 'columns', format });
}

/** @param addresses of the period shown and, where there is one, of the period compared with */
export function curlText(addresses: readonly string[]): string {
  return addresses.map((address) => `curl --fail '${address.replaceAll("'", '%27')}'`).join('\n');
}

export function pythonText(addresses: readonly string[]): string {
  const reads = addresses.map(
    (address, at) => `${frameName(at)} = pd.read_csv(${JSON.stringify(address)}, index_col="start", parse_dates=True)`,
  );
  return `import pandas as pd\n\n${reads.join('\n')}\nprint(${addresses.map((_, at) => frameName(at)).join(', ')})\n`;
}

/** An empty cell is NA in a column of numbers. */
export function rText(addresses: readonly string[]): string {
  const reads = addresses.map((address, at) => {
    const name = frameName(at);
    const asTime = `${name}$start <- as.POSIXct(${name}$start, format = "%Y-%m-%dT%H:%M:%OSZ", tz = "UTC")`;
    return `${name} <- read.csv(${JSON.stringify(address)}, check.names = FALSE)\n${asTime}`;
  });
  return `${reads.join('\n')}\nsummary(${frameName(0)})\n`;
}

function frameName(at: number): string {
  return at === 0 ? 'shown' : 'compared';
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
