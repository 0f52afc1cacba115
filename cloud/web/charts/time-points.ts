/** Pure: the lines of a chart over time, from tables of buckets. */
import { type Column, endMs, gapsOf, isPart, isSumOfHouseholds, type OneSeries, type SeriesTable, type Told } from '../data/series.ts';
import { alignedTo, type Span } from '../zone-time.ts';
import type { Point } from './points.ts';

export type Statistic = 'mean' | 'energyKwh';

export interface TimeLine {
  /** Its series' reference; the compared one's has `compared:` before it. */
  key: string;
  label: string;
  /** Index into the colours of series. */
  colour: number;
  /** Of the period compared with. */
  isCompared: boolean;
  points: Point[];
  /** Share of each bucket that its point is made of. */
  coverage: Column;
  /** Of several households: with a part of them it is too low, and is drawn otherwise. */
  isSum: boolean;
  told?: Told | undefined;
  /** Least and greatest reading of each bucket; undefined where they can't be known or say nothing more. */
  band: { min: Point[]; max: Point[] } | undefined;
  /** On the right, in the model's second unit. */
  axis?: 'second';
}

export interface TimeModel {
  span: Span;
  zone: string;
  kind: 'line' | 'bar';
  unit: string;
  /** Of the axis on the right; without it there is none. */
  secondUnit?: string;
  /** One upon the other: only where their sum means something. */
  isStacked?: boolean;
  lines: TimeLine[];
  gaps: Span[];
  /** Axes that do not begin at zero. */
  fitsData?: { first: boolean; second: boolean };
}

/** More bands than these hide each other. */
const BANDS_MAX = 3;

/** Of a counter; of its buckets' energy and counts the axis begins at zero. */
const COUNTER_STATISTICS = new Set(['mean', 'min', 'max', 'last']);

export interface ModelParts {
  table: SeriesTable;
  comparison: SeriesTable | undefined;
  label: (ref: string) => string;
  comparedLabel: (label: string) => string;
  hidden: ReadonlySet<string>;
  kind: 'line' | 'bar';
  statistic: Statistic;
  /** Where data begins and ends: nothing is missing before and after. */
  sinceMs: number;
  untilMs: number;
}

export function modelOf(parts: ModelParts): TimeModel {
  const { table, comparison, hidden, kind, statistic, sinceMs, untilMs } = parts;
  const shown = table.series.filter(({ ref }) => !hidden.has(ref));
  const colourOf = (ref: string) =>
    Math.max(
      0,
      table.series.findIndex((its) => its.ref === ref),
    );
  const lines = shown.map(
    (series): TimeLine => ({
      key: series.ref,
      label: parts.label(series.ref),
      colour: colourOf(series.ref),
      isCompared: false,
      points: pointsOf(table, series[statistic]),
      coverage: series.coverage,
      isSum: isSumOfHouseholds(series.ref),
      told: series.told,
      band: statistic === 'mean' && kind === 'line' && shown.length <= BANDS_MAX ? bandOf(table, series) : undefined,
    }),
  );
  const compared = (comparison?.series ?? []).filter(({ ref }) => !hidden.has(ref) && !hidden.has(comparedKey(ref)));
  const others = compared.map(
    (series): TimeLine => ({
      key: comparedKey(series.ref),
      label: parts.comparedLabel(parts.label(series.ref)),
      colour: colourOf(series.ref),
      isCompared: true,
      points:
        comparison === undefined
          ? []
          : pointsOf(comparison, series[statistic]).map((point) => ({ ...point, x: onto(point.x, comparison, table) })),
      coverage: series.coverage,
      isSum: isSumOfHouseholds(series.ref),
      told: series.told,
      band: undefined,
    }),
  );
  const unit = statistic === 'energyKwh' ? 'kWh' : (shown[0]?.unit ?? table.series[0]?.unit ?? '');
  const span = { fromMs: table.fromMs, toMs: table.toMs };
  const gaps = shown.length === 0 ? [] : gapsOf(table, shown, sinceMs, untilMs);
  const fitsData = { first: kind === 'line' && isCounter(unit, statistic), second: false };
  return { span, zone: table.tz, kind, unit, lines: [...lines, ...others], gaps, fitsData };
}

/** What a counter shows: on an axis from zero nothing would be seen to move. */
export function isCounter(unit: string, statistic: string): boolean {
  return unit === 'kWh' && COUNTER_STATISTICS.has(statistic);
}

/** Something is there of the bucket of a sum, and not all. */
export function isPartOfSum(
  { isSum, points, coverage, told }: Pick<TimeLine, 'isSum' | 'points' | 'coverage' | 'told'>,
  index: number,
): boolean {
  return isSum && !Number.isNaN(points[index]?.y ?? NaN) && isPart(coverage, told, index);
}

/** Whether a reader has to be told what is drawn otherwise. */
export function hasPartsOfSums({ lines }: Pick<TimeModel, 'lines'>): boolean {
  return lines.some((line) => line.points.some((_, index) => isPartOfSum(line, index)));
}

export function comparedKey(ref: string): string {
  return `compared:${ref}`;
}

/** In the middle of its bucket. */
function pointsOf(table: SeriesTable, values: readonly (number | null)[]): Point[] {
  return table.startsMs.map((startMs, index) => ({ x: (startMs + endMs(table, index)) / 2, y: values[index] ?? NaN }));
}

function bandOf(table: SeriesTable, series: OneSeries): TimeLine['band'] {
  const saysMore = series.min.some((min, index) => min !== null && min !== (series.max[index] ?? min));
  return saysMore ? { min: pointsOf(table, series.min), max: pointsOf(table, series.max) } : undefined;
}

/** The same local time in the range shown: six in the morning stands under six in the morning, whatever the clocks did between. */
function onto(timeMs: number, comparison: SeriesTable, table: SeriesTable): number {
  return alignedTo(timeMs, comparison.fromMs, table.fromMs, table.tz);
}
