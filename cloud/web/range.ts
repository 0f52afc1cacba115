/** Pure: what the range of a page (range-address.ts) means in time: presets, periods before and after. */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_WEEK } from '../../common/units.ts';
import { DEFAULT_FROM, DEFAULT_TO, type Range } from './range-address.ts';
import { type CalendarUnit, calendarSpan, neighbour, type Span, shifted } from './zone-time.ts';

/** The ends of the data, as far as they are known. */
export interface Anchors {
  /** Start of the oldest window. */
  firstMs: number | null;
  /** End of the newest one. */
  latestMs: number | null;
  /** The wall clock. */
  nowMs: number;
}

export type Preset = '1h' | '6h' | '24h' | 'today' | 'yesterday' | 'week' | 'month' | 'year' | 'all';
export const PRESETS: readonly Preset[] = ['1h', '6h', '24h', 'today', 'yesterday', 'week', 'month', 'year', 'all'];

/** True when the range ends where the data ends, and so moves on with it. */
export function isLive({ to }: Pick<Range, 'to'>): boolean {
  return to === 'latest' || to === 'now';
}

const RELATIVE = /^(latest|first|now)(?:([+-])(\d{1,6})(m|h|d|w))?$/;
const UNIT_MS: Readonly<Record<string, number>> = { m: MS_PER_MINUTE, h: MS_PER_HOUR, d: MS_PER_DAY, w: MS_PER_WEEK };
const ISO_WITH_ZONE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds UTC of one end; null when it is no time or hangs on an end of the data that is not known. */
export function instantOf(text: string, anchors: Anchors): number | null {
  if (/^-?\d{1,16}$/.test(text)) return Number(text);
  if (ISO_WITH_ZONE.test(text)) {
    const timeMs = Date.parse(text);
    return Number.isNaN(timeMs) ? null : timeMs;
  }
  const [, anchor, sign, amount, unit] = RELATIVE.exec(text) ?? [];
  if (anchor === undefined) return null;
  const atMs = anchor === 'latest' ? anchors.latestMs : anchor === 'first' ? anchors.firstMs : anchors.nowMs;
  if (atMs === null || unit === undefined) return atMs;
  return atMs + (sign === '-' ? -1 : 1) * Number(amount) * (UNIT_MS[unit] ?? 0);
}

/** The range as instants; null when that can't be told or when it is empty. */
export function spanOf(range: Pick<Range, 'from' | 'to'>, anchors: Anchors): Span | null {
  const fromMs = instantOf(range.from, anchors);
  const toMs = instantOf(range.to, anchors);
  return fromMs === null || toMs === null || fromMs >= toMs ? null : { fromMs, toMs };
}

/** Length of the default range. */
const DEFAULT_MS = MS_PER_DAY;

/** The default while there is less data than it would show: all there is, instead of a day that is mostly empty. */
export function whileShort(range: Range, { firstMs, latestMs }: Anchors): Range {
  const isDefault = range.from === DEFAULT_FROM && range.to === DEFAULT_TO;
  if (!isDefault || firstMs === null || latestMs === null || latestMs - firstMs >= DEFAULT_MS) return range;
  return { ...range, from: 'first' };
}

/** What a click on a preset means; null when the data's end must be known for it and is not. */
export function presetRange(preset: Preset, range: Range, anchors: Anchors, zone: string): Range | null {
  if (preset === 'all') return { ...range, from: 'first', to: 'latest' };
  if (preset === '1h' || preset === '6h' || preset === '24h') return { ...range, from: `latest-${preset}`, to: 'latest' };
  if (anchors.latestMs === null) return null;
  // The end is no part of the data: a recording that ends at midnight ends with its last day.
  const lastMs = anchors.latestMs - 1;
  const units: Readonly<Record<Exclude<Preset, '1h' | '6h' | '24h' | 'all'>, CalendarUnit>> = {
    today: 'day',
    yesterday: 'day',
    week: 'week',
    month: 'month',
    year: 'year',
  };
  const inMs = preset === 'yesterday' ? shifted(lastMs, -1, 'day', zone) : lastMs;
  return withSpan(range, calendarSpan(inMs, units[preset], zone));
}

/** The preset that the range is, for the picker to mark. */
export function presetOf(range: Range, anchors: Anchors, zone: string): Preset | undefined {
  return PRESETS.find((preset) => {
    const its = presetRange(preset, range, anchors, zone);
    return its !== null && its.from === range.from && its.to === range.to;
  });
}

export function withSpan(range: Range, { fromMs, toMs }: Span): Range {
  return { ...range, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

/** The period before (−1) or after (+1). */
export function moved(range: Range, span: Span, steps: number, zone: string): Range {
  return withSpan(range, neighbour(span, steps, zone));
}
