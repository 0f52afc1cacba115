/** The explorer's picture in words: its summary, and one of its points. */
import { amountWords, bucketSpan, partlyWords } from '../../charts/chart-words.ts';
import { comparedKey, isCounter, type TimeModel } from '../../charts/time-points.ts';
import { endMs } from '../../data/series.ts';
import type { Locale } from '../../shell/locale.ts';
import { alignedTo } from '../../zone-time.ts';
import type { Choice, Stat } from './choice.ts';
import { unitFor } from './explore-model.ts';
import { statsOf } from './explore-stats.ts';
import { columnOf, type ExploreSeries, type ExploreTable, onlyShown, valueAt } from './explore-table.ts';
import type { LabelOf } from './series-label.ts';

/** A tooltip with more lines covers the picture; the greatest are kept. */
const LINES_MAX = 12;
/** A summary with more is not listened to. */
const SUMMARY_SERIES_MAX = 6;

export interface WordParts {
  table: ExploreTable;
  comparison: ExploreTable | undefined;
  choice: Choice;
  label: LabelOf;
  locale: Locale;
}

export function exploreSummary({ table, choice, label, locale }: WordParts): string {
  const { t, f } = locale;
  const { series } = onlyShown(table, choice.hidden);
  const told = series.slice(0, SUMMARY_SERIES_MAX).map((its) => {
    const { n, mean, min, max, coverage } = statsOf(table, its, choice.stat);
    if (n === 0) return t('chart.summaryEmpty', { label: label(its.ref) });
    const amount = (value: number | null) => amountText(value, its.unit, choice.stat, locale);
    const extremes = { mean: amount(mean), min: amount(min), max: amount(max) };
    return t('chart.summarySeries', { label: label(its.ref), ...extremes, coverage: f.percent(coverage) });
  });
  const others = series.length - told.length;
  const words = [...told, ...(others > 0 ? [t('explore.others', { n: others })] : [])];
  return t('chart.summary', { title: t(`explore.stat.${choice.stat}`), span: f.span(table.fromMs, table.toMs), series: words.join(' ') });
}

/** Whatever the picture does with them, the amounts are the figures themselves. */
export function explorePoint(parts: WordParts, model: TimeModel, index: number): { title: string; lines: string[] } {
  const { table, comparison, choice, locale } = parts;
  const drawn = new Set(model.lines.map(({ key }) => key));
  const startMs = table.startsMs[index] ?? table.fromMs;
  const now = table.series.filter(({ ref }) => drawn.has(ref)).map((series) => lineOf(parts, series, index, ''));
  const then = comparison === undefined ? undefined : bucketThen(table, comparison, startMs);
  const before =
    comparison === undefined || then === undefined
      ? []
      : comparison.series
          .filter(({ ref }) => drawn.has(comparedKey(ref)))
          .map((series) => lineOf(parts, series, then, `, ${locale.f.minute(comparison.startsMs[then] ?? null)}`));
  const all = [...now, ...before];
  const kept = all.length <= LINES_MAX ? all : [...all].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity)).slice(0, LINES_MAX);
  const others = all.length - kept.length;
  const lines = kept.map(({ words }) => words);
  const kind = choice.stat === 'mean' ? '' : ` (${locale.t(`explore.stat.${choice.stat}`)})`;
  return {
    title: bucketSpan(startMs, endMs(table, index), locale) + kind,
    lines: others > 0 ? [...lines, locale.t('explore.others', { n: others })] : lines,
  };
}

function lineOf(
  { choice, label, locale }: WordParts,
  series: ExploreSeries,
  index: number,
  when: string,
): { value: number | null; words: string } {
  const { t, f } = locale;
  const value = valueAt(series, columnOf(choice.stat), index);
  const name = `${label(series.ref)}${when}`;
  if (value === null) return { value, words: `${name}: ${t('shell.noData')}` };
  const min = choice.stat === 'mean' ? valueAt(series, 'min', index) : null;
  const max = choice.stat === 'mean' ? valueAt(series, 'max', index) : null;
  const extremes =
    min === null || max === null || min === max ? '' : ` (${amountWords(min, series.unit, f)} – ${amountWords(max, series.unit, f)})`;
  const partly = partlyWords(series.columns.coverage ?? [], series.told, index, locale);
  return { value, words: `${name}: ${amountText(value, series.unit, choice.stat, locale)}${extremes}${partly}` };
}

/** The bucket of the other period that holds the same local time; undefined where it has none. */
function bucketThen(table: ExploreTable, comparison: ExploreTable, startMs: number): number | undefined {
  const thenMs = alignedTo(startMs, table.fromMs, comparison.fromMs, table.tz);
  const index = comparison.startsMs.findLastIndex((its) => its <= thenMs);
  return index < 0 ? undefined : index;
}

export function amountText(value: number | null, unit: string, stat: Stat, { f }: Locale): string {
  if (stat === 'count') return f.number(value);
  return isCounter(unit, stat) ? f.counter(value, unit) : f.amount(value, unitFor(stat, unit));
}
