/** Pure: the explorer's picture: lines on one or two axes, stacked or normalised. */
import type { Point } from '../../charts/points.ts';
import type { TimeLine, TimeModel } from '../../charts/time-points.ts';
import { comparedKey, isCounter } from '../../charts/time-points.ts';
import { endMs, isSumOfHouseholds } from '../../data/series.ts';
import { alignedTo, type Span } from '../../zone-time.ts';
import type { Choice, Stat } from './choice.ts';
import { columnOf, type ExploreSeries, type ExploreTable, gapsIn, onlyShown } from './explore-table.ts';

export interface ExploreModelParts {
  /** With the hidden ones, whose colours stay theirs. */
  table: ExploreTable;
  comparison: ExploreTable | undefined;
  choice: Pick<Choice, 'refs' | 'hidden' | 'stat' | 'isStacked' | 'isNormalised'>;
  label: (ref: string) => string;
  comparedLabel: (label: string) => string;
  /** Where data is known to begin and to end. */
  recorded: Span;
}

/** Amounts of a bucket are bars as long as they can be told apart; beyond it they are lines. */
const BARS_OF_SERIES_MAX = 4;
const BARS_MAX = 400;
const PERCENT = 100;

export function exploreModel(parts: ExploreModelParts): TimeModel {
  const { comparison, choice, recorded } = parts;
  const shown = onlyShown(parts.table, choice.hidden);
  const units = axisUnits(shown, choice);
  const lines = shown.series.map((series) => lineOf(series, shown, parts, units));
  const others = comparison === undefined ? [] : comparedLines(comparison, shown, parts, units);
  const [unit = '', secondUnit] = units;
  return {
    span: { fromMs: shown.fromMs, toMs: shown.toMs },
    zone: shown.tz,
    kind: kindOf(choice, lines.length + others.length, shown.startsMs.length),
    unit,
    ...(secondUnit === undefined ? {} : { secondUnit }),
    isStacked: choice.isStacked,
    lines: [...lines, ...others],
    gaps: gapsIn(shown, recorded),
    fitsData: { first: fitsData(unit, choice), second: fitsData(secondUnit, choice) },
  };
}

/** Counters that are stacked or normalised are amounts like others. */
function fitsData(unit: string | undefined, { stat, isStacked, isNormalised }: ExploreModelParts['choice']): boolean {
  return unit !== undefined && !isStacked && !isNormalised && isCounter(unit, stat);
}

/** The unit of a bucket's statistic. A number of readings has none. */
export function unitFor(stat: Stat, unit: string): string {
  if (stat === 'energy') return 'kWh';
  return stat === 'count' ? '' : unit;
}

function axisUnits(shown: ExploreTable, { stat, isNormalised }: ExploreModelParts['choice']): string[] {
  return isNormalised ? ['%'] : [...new Set(shown.series.map(({ unit }) => unitFor(stat, unit)))];
}

function kindOf({ stat, isNormalised }: ExploreModelParts['choice'], lines: number, buckets: number): 'line' | 'bar' {
  const isAmount = stat === 'energy' || stat === 'count' || stat === 'sum';
  return isAmount && !isNormalised && lines <= BARS_OF_SERIES_MAX && buckets <= BARS_MAX ? 'bar' : 'line';
}

function lineOf(series: ExploreSeries, table: ExploreTable, { choice, label }: ExploreModelParts, units: readonly string[]): TimeLine {
  const { stat, isStacked, isNormalised } = choice;
  const factor = isNormalised ? normalFactor(series, stat) : 1;
  const middles = table.startsMs.map((startMs, index) => (startMs + endMs(table, index)) / 2);
  return {
    key: series.ref,
    label: label(series.ref),
    colour: Math.max(0, choice.refs.indexOf(series.ref)),
    isCompared: false,
    points: pointsOf(middles, series.columns[columnOf(stat)], factor),
    coverage: series.columns.coverage ?? [],
    isSum: isSumOfHouseholds(series.ref),
    told: series.told,
    band: stat === 'mean' && !isStacked ? bandOf(middles, series, factor) : undefined,
    ...onAxis(series, choice, units),
  };
}

/** Each series in the scale of the one that it is compared with, under the same local time. */
function comparedLines(comparison: ExploreTable, shown: ExploreTable, parts: ExploreModelParts, units: readonly string[]): TimeLine[] {
  const { choice, label, comparedLabel } = parts;
  const middles = comparison.startsMs.map((startMs, index) =>
    alignedTo((startMs + endMs(comparison, index)) / 2, comparison.fromMs, shown.fromMs, shown.tz),
  );
  return shown.series.flatMap((series): TimeLine[] => {
    const then = comparison.series.find(({ ref }) => ref === series.ref);
    if (then === undefined) return [];
    const factor = choice.isNormalised ? normalFactor(series, choice.stat) : 1;
    return [
      {
        key: comparedKey(series.ref),
        label: comparedLabel(label(series.ref)),
        colour: Math.max(0, choice.refs.indexOf(series.ref)),
        isCompared: true,
        points: pointsOf(middles, then.columns[columnOf(choice.stat)], factor),
        coverage: then.columns.coverage ?? [],
        isSum: isSumOfHouseholds(series.ref),
        told: then.told,
        band: undefined,
        ...onAxis(series, choice, units),
      },
    ];
  });
}

function onAxis({ unit }: ExploreSeries, { stat, isNormalised }: ExploreModelParts['choice'], units: readonly string[]) {
  return !isNormalised && units.indexOf(unitFor(stat, unit)) === 1 ? { axis: 'second' as const } : {};
}

/** Its greatest value becomes 100. Of nothing but zeros nothing can be made larger. */
function normalFactor(series: ExploreSeries, stat: Stat): number {
  let greatest = 0;
  for (const value of series.columns[columnOf(stat)] ?? []) greatest = Math.max(greatest, Math.abs(value ?? 0));
  return greatest === 0 ? 1 : PERCENT / greatest;
}

/** NaN where there is no data: the line breaks there. */
function pointsOf(xs: readonly number[], values: readonly (number | null)[] | undefined, factor: number): Point[] {
  return xs.map((x, index) => ({ x, y: (values?.[index] ?? NaN) * factor }));
}

function bandOf(xs: readonly number[], { columns }: ExploreSeries, factor: number): TimeLine['band'] {
  const { min, max } = columns;
  if (min === undefined || max === undefined || !min.some((its, index) => its !== null && its !== max[index])) return undefined;
  return { min: pointsOf(xs, min, factor), max: pointsOf(xs, max, factor) };
}
