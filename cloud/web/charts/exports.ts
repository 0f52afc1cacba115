/** Pure: a chart's figures as files and as questions for other programs. Exactly the range and the resolution shown. */
import { endMs, type SeriesTable, seriesAddress } from '../data/series.ts';

export interface ExportRow {
  startMs: number;
  endMs: number;
  series: string;
  unit: string;
  mean: number | null;
  min: number | null;
  max: number | null;
  energyKwh: number | null;
  coverage: number | null;
}

/** One row for every bucket of every series, series after series; the table view lists the same rows. */
export function rowsOf(table: SeriesTable): ExportRow[] {
  return table.series.flatMap((its) =>
    table.startsMs.map((startMs, index) => ({
      startMs,
      endMs: endMs(table, index),
      series: its.ref,
      unit: its.unit,
      mean: its.mean[index] ?? null,
      min: its.min[index] ?? null,
      max: its.max[index] ?? null,
      energyKwh: its.energyKwh[index] ?? null,
      coverage: its.coverage[index] ?? null,
    })),
  );
}

const NUMBERS = ['mean', 'min', 'max', 'energyKwh', 'coverage'] as const;

/** What the API gives as CSV for the same question. An empty cell is no data. With `comma` the columns are parted by semicolons. */
export function csvOf(table: SeriesTable, decimal: 'dot' | 'comma'): string {
  const separator = decimal === 'comma' ? ';' : ',';
  const number = (value: number | null) => (value === null ? '' : decimal === 'comma' ? String(value).replace('.', ',') : String(value));
  const lines = rowsOf(table).map((row) =>
    [new Date(row.startMs).toISOString(), row.series, ...NUMBERS.map((name) => number(row[name]))].join(separator),
  );
  return `${[['start', 'series', ...NUMBERS].join(separator), ...lines].join('\n')}\n`;
}

export function jsonOf(table: SeriesTable): string {
  const rows = rowsOf(table).map((row) => ({
    start: new Date(row.startMs).toISOString(),
    series: row.series,
    ...Object.fromEntries(NUMBERS.map((name) => [name, row[name]])),
  }));
  const { fromMs, toMs, tz, resolution, windowSeconds, dataLabel } = table;
  const head = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), tz, resolution, windowSeconds, dataLabel };
  return `${JSON.stringify({ ...head, series: table.series.map(({ ref, unit }) => ({ series: ref, unit })), rows }, null, 1)}\n`;
}

/** The address that gives the same figures, with fixed instants: it means the same tomorrow. */
export function questionFor(table: SeriesTable, origin: string, format: 'csv' | 'json'): string {
  const question = {
    refs: table.series.map(({ ref }) => ref),
    from: new Date(table.fromMs).toISOString(),
    to: new Date(table.toMs).toISOString(),
    tz: table.tz,
    grain: { resolution: table.resolution },
  };
  return origin + seriesAddress(question, { format });
}

export function curlOf(table: SeriesTable, origin: string): string {
  return `curl --fail '${questionFor(table, origin, 'csv').replaceAll("'", '%27')}'`;
}

export function pythonOf(table: SeriesTable, origin: string): string {
  const address = JSON.stringify(questionFor(table, origin, 'csv'));
  return `import pandas as pd\n\ndf = pd.read_csv(${address})\nprint(df)\n`;
}

/** `fogline-total-power-20191224T0600Z-15m` */
export function fileNameOf(title: string, { fromMs, resolution }: SeriesTable): string {
  const words = title
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
  const time = new Date(fromMs).toISOString().replace(/[-:]/g, '').slice(0, 13);
  return `fogline-${words.slice(0, 60)}-${time}Z-${resolution}`;
}
