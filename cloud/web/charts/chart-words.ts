/** A chart in words: its summary and one of its points. */
import { type Column, isPart, type OneSeries, type SeriesTable, type Told } from '../data/series.ts';
import { endMs, totalsOf } from '../data/series.ts';
import type { Formatter } from '../format.ts';
import type { Locale } from '../shell/locale.ts';
import { alignedTo } from '../zone-time.ts';
import { hasPartsOfSums, isCounter, type TimeModel } from './time-points.ts';

export function summaryOf(parts: { table: SeriesTable; title: string; label: (ref: string) => string; locale: Locale }): string {
  const { table, title, label, locale } = parts;
  const { t, f } = locale;
  const series = table.series.map((its) => {
    const totals = totalsOf(table, its);
    if (totals.mean === null) return t('chart.summaryEmpty', { label: label(its.ref) });
    const amount = (value: number | null) => amountWords(value, its.unit, f);
    const extremes = { mean: amount(totals.mean), min: amount(totals.min), max: amount(totals.max) };
    return t('chart.summarySeries', { label: label(its.ref), ...extremes, coverage: f.percent(totals.coverage) });
  });
  return t('chart.summary', { title, span: f.span(table.fromMs, table.toMs), series: series.join(' ') });
}

/** What is drawn of a part of the data, and how; empty where all is whole. */
export function partWords(model: TimeModel, { t }: Locale): string {
  if (model.kind === 'line') return hasPartsOfSums(model) ? t('chart.parts') : '';
  return model.lines.some(({ points, coverage, told }) => points.some(({ y }, index) => !Number.isNaN(y) && isPart(coverage, told, index)))
    ? t('chart.partsBar')
    : '';
}

/** A mean or extreme of a series; a counter's with all the digits in which two of its buckets differ. */
export function amountWords(value: number | null, unit: string, f: Formatter): string {
  return isCounter(unit, 'mean') ? f.counter(value, unit) : f.amount(value, unit);
}

/** A resolution of the API in words: `15m` is 15 min. */
export function grainWords(resolution: string, { t }: Locale): string {
  const [, amount, unit] = /^(\d+)([smhdwMy])$/.exec(resolution) ?? [];
  if (amount === undefined) return t('chart.raw');
  return t(`chart.grain.${unit as 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y'}`, { n: Number(amount) });
}

interface PointParts {
  table: SeriesTable;
  comparison: SeriesTable | undefined;
  index: number;
  label: (ref: string) => string;
  locale: Locale;
  model: TimeModel;
}

export function pointWords({ table, comparison, index, label, locale, model }: PointParts): { title: string; lines: string[] } {
  const startMs = table.startsMs[index] ?? table.fromMs;
  const shown = new Set(model.lines.map(({ key }) => key));
  const lines = table.series.filter(({ ref }) => shown.has(ref)).map((its) => `${label(its.ref)} ${valueWords(its, index, locale, model)}`);
  const compared = comparison === undefined ? [] : comparedWords(comparison, table, startMs, { label, locale, model });
  return { title: bucketSpan(startMs, endMs(table, index), locale), lines: [...lines, ...compared] };
}

/** With seconds where the bucket is shorter than a minute. */
export function bucketSpan(startMs: number, toMs: number, { f }: Locale): string {
  if (toMs - startMs >= 60_000) return f.span(startMs, toMs);
  return `${f.date(startMs)}, ${f.clock(startMs)} – ${f.clock(toMs)} ${f.zoneAt(toMs)}`;
}

function comparedWords(
  comparison: SeriesTable,
  table: SeriesTable,
  startMs: number,
  { label, locale, model }: Pick<PointParts, 'label' | 'locale' | 'model'>,
): string[] {
  const thenMs = alignedTo(startMs, table.fromMs, comparison.fromMs, table.tz);
  const index = comparison.startsMs.findLastIndex((its) => its <= thenMs);
  if (index < 0) return [];
  const date = locale.f.minute(comparison.startsMs[index] ?? thenMs);
  return comparison.series
    .filter(({ ref }) => model.lines.some((line) => line.isCompared && line.key.endsWith(ref)))
    .map((its) => `${label(its.ref)}, ${date}: ${valueWords(its, index, locale, model)}`);
}

function valueWords(series: OneSeries, index: number, { t, f }: Locale, model: TimeModel): string {
  const mean = series.mean[index] ?? null;
  const energy = series.energyKwh[index] ?? null;
  const isEnergy = model.unit === 'kWh' && series.unit !== 'kWh';
  const value = isEnergy ? energy : mean;
  if (value === null) return t('shell.noData');
  const text = isEnergy ? f.energy(value) : amountWords(value, series.unit, f);
  const min = series.min[index] ?? null;
  const max = series.max[index] ?? null;
  const extremes =
    min === null || max === null || min === max ? '' : ` (${amountWords(min, series.unit, f)} – ${amountWords(max, series.unit, f)})`;
  return text + extremes + partlyWords(series.coverage, series.told, index, { t, f });
}

/** What share of a bucket is there, and of a sum how many households; empty where it is whole. */
export function partlyWords(coverage: Column, told: Told | undefined, index: number, { t, f }: Pick<Locale, 't' | 'f'>): string {
  if (!isPart(coverage, told, index)) return '';
  const have = told?.have[index] ?? null;
  const households = told === undefined || have === null ? '' : `, ${t('chart.households', { some: have, n: told.households })}`;
  return `, ${t('chart.coverage')} ${f.percent(coverage[index] ?? 1)}${households}`;
}
