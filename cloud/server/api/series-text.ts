/**
 * The answer to a range query as text. Made series by series with a turn of the event loop between, so that a long one holds up no
 * heartbeat.
 */
import { yieldToEventLoop } from '../../../common/clock.ts';
import { isoTime } from '../../../common/iso-time.ts';
import { csvText } from './csv-cell.ts';
import type { SeriesReply, SeriesRowsReply } from './api-types.ts';
import type { AnsweredSeries, Column, SeriesAnswer } from './series-answer.ts';

export type SeriesFormat = 'json' | 'csv' | 'ndjson';
export type SeriesLayout = 'columns' | 'rows';
export type SeriesHead = Omit<SeriesReply, 'starts' | 'series'>;

export const SERIES_TYPES: Readonly<Record<SeriesFormat, string>> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
};

/** Lines made without a turn of the event loop: a few milliseconds. */
const LINES_AT_ONCE = 2_000;

export async function seriesText(
  answer: SeriesAnswer,
  head: SeriesHead,
  { format, layout }: { format: SeriesFormat; layout: SeriesLayout },
): Promise<string> {
  if (format === 'json') return layout === 'columns' ? columnsJson(answer, head) : rowsJson(answer, head);
  const table = layout === 'columns' ? wideTable(answer) : longTable(answer);
  const lineOf = format === 'csv' ? csvLine : ndjsonLine(table.names);
  const title = format === 'csv' ? csvLine(table.names) : '';
  return title + (await gather(table.lines, lineOf, ''));
}

async function columnsJson(answer: SeriesAnswer, head: SeriesHead): Promise<string> {
  const starts = JSON.stringify(startsOf(answer));
  const series = await gather(
    answer.series,
    (its) => JSON.stringify({ ...wordsOf(its), columns: Object.fromEntries(its.columns) }),
    ',',
    1,
  );
  return `${JSON.stringify(head).slice(0, -1)},"starts":${starts},"series":[${series}]}`;
}

async function rowsJson(answer: SeriesAnswer, head: SeriesHead): Promise<string> {
  const { names, lines } = longTable(answer);
  const series: SeriesRowsReply['series'] = answer.series.map(wordsOf);
  const rows = await gather(lines, (line) => ndjsonLine(names)(line).trimEnd(), ',');
  return `${JSON.stringify({ ...head, series }).slice(0, -1)},"rows":[${rows}]}`;
}

type Cell = string | number | null;
interface Table {
  names: readonly string[];
  lines: Iterable<readonly Cell[]>;
}

/** One row per series and bucket. */
function longTable(answer: SeriesAnswer): Table {
  const columns = [...(answer.series[0]?.columns.keys() ?? [])];
  return { names: ['start', 'series', ...columns], lines: longLines(answer, columns) };
}

function* longLines(answer: SeriesAnswer, columns: readonly Column[]): Generator<readonly Cell[]> {
  const starts = startsOf(answer);
  for (const { text, columns: its } of answer.series) {
    const held = columns.map((column) => its.get(column) ?? []);
    for (const [i, start] of starts.entries()) yield [start, text, ...held.map((values) => values[i] ?? null)];
  }
}

/** One row per bucket; columns are named REFERENCE.STAT. */
function wideTable(answer: SeriesAnswer): Table {
  const names = answer.series.flatMap(({ text, columns }) => [...columns.keys()].map((column) => `${text}.${column}`));
  return { names: ['start', ...names], lines: wideLines(answer) };
}

function* wideLines(answer: SeriesAnswer): Generator<readonly Cell[]> {
  const held = answer.series.flatMap(({ columns }) => [...columns.values()]);
  for (const [i, start] of startsOf(answer).entries()) yield [start, ...held.map((values) => values[i] ?? null)];
}

function csvLine(cells: readonly Cell[]): string {
  return `${cells.map((cell) => (cell === null ? '' : typeof cell === 'number' ? String(cell) : csvText(cell))).join(',')}\n`;
}

function ndjsonLine(names: readonly string[]): (cells: readonly Cell[]) => string {
  return (cells) => `${JSON.stringify(Object.fromEntries(cells.map((cell, i) => [names[i], cell])))}\n`;
}

async function gather<T>(items: Iterable<T>, textOf: (item: T) => string, between: string, atOnce = LINES_AT_ONCE): Promise<string> {
  const pieces: string[] = [];
  for (const item of items) {
    pieces.push(textOf(item));
    if (pieces.length % atOnce === 0) await yieldToEventLoop();
  }
  return pieces.join(between);
}

function startsOf({ edges }: SeriesAnswer): string[] {
  return edges.slice(0, -1).map(isoTime);
}

function wordsOf({ text, ref, unit, members, households }: AnsweredSeries): Omit<SeriesReply['series'][number], 'columns'> {
  return {
    series: text,
    household: 'household' in ref ? ref.household : null,
    device: ref.kind === 'device' ? ref.device : null,
    state: ref.kind === 'state' ? ref.state : null,
    field: ref.field,
    unit,
    members,
    households,
  };
}
