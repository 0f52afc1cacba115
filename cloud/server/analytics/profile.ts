/** What the quarters of an hour tell of a load, pure: load duration, base load, peak, and the usual week. */
import { MS_PER_DAY, MS_PER_HOUR } from '../../../common/units.ts';
import type { AddedSeries } from './add-series.ts';
import { LocalDays, weekdayAndHour } from './local-time.ts';

/**
 * The base load is what the load exceeds in 95 % of the time: the 5th percentile of its quarter-hour means. No standard defines it; the
 * minimum would be one quarter of an hour of a year, perhaps with the power cut.
 */
export const BASE_LOAD_PERCENTILE = 5;
/** A quarter of an hour of which less is there is left out where its mean stands for all of it. */
export const QUARTER_COVERAGE_MIN = 0.5;

const QUARTER_MS = 900_000;
const HOURS_PER_DAY = 24;
const DAYS_PER_WEEK = 7;
const PERCENTS = 100;

export interface Profile {
  /** Null in all of these: there is no data. */
  energyKwh: number | null;
  meanW: number | null;
  /** Of single readings; null too for a sum of several devices. */
  minW: number | null;
  maxW: number | null;
  /** Start of the quarter of an hour that holds the greatest reading. */
  maxAtMs: number | null;
  /** The greatest mean of a quarter of an hour, as a meter with registers would tell the peak, and its start. */
  peakW: number | null;
  peakAtMs: number | null;
  baseLoadW: number | null;
  /** Share of the windows that are there, of all between the first and the last edge. */
  coverage: number;
  /** Quarters of an hour that load duration, base load and peak are made of. */
  quarters: number;
  /** [p] is what the load reaches or exceeds in p % of the time, p from 0 to 100; empty without data. */
  loadDurationW: number[];
  /** Mean by ISO weekday, Monday first, and by the hour that the clocks show; an hour shown twice counts twice. */
  hourByDayW: (number | null)[][];
}

/**
 * @param series a power in quarters of an hour
 * @param edges the start of each quarter and the end of the last one; no quarter is left out
 */
export function profileOf(series: AddedSeries, edges: readonly number[], timeZone: string, windowMs: number): Profile {
  const { windows, toldWindows, energyKwh, min, max, mean } = series;
  const perQuarter = (QUARTER_MS / windowMs) * Math.max(1, series.devices);
  const means = new Float64Array(windows.length);
  const total = { windows: 0, toldWindows: 0, weightedW: 0, energyKwh: 0, quarters: 0 };
  const least = new Extreme((a, b) => a < b);
  const [greatest, peak] = [new Extreme((a, b) => a > b), new Extreme((a, b) => a > b)];
  for (let i = 0; i < windows.length; i++) {
    const held = windows[i] as number;
    if (held === 0) continue;
    total.windows += held;
    total.energyKwh += energyKwh[i] as number;
    total.toldWindows += toldWindows[i] as number;
    total.weightedW += (mean[i] as number) * (toldWindows[i] as number);
    least.look(min[i] as number, i);
    greatest.look(max[i] as number, i);
    if (held < perQuarter * QUARTER_COVERAGE_MIN) continue;
    means[total.quarters++] = mean[i] as number;
    peak.look(mean[i] as number, i);
  }
  const duration = durationOf(means.subarray(0, total.quarters));
  const hasData = total.windows > 0;
  return {
    energyKwh: hasData ? total.energyKwh : null,
    meanW: hasData ? total.weightedW / total.toldWindows : null,
    minW: least.value,
    maxW: greatest.value,
    maxAtMs: greatest.at === null ? null : (edges[greatest.at] as number),
    peakW: peak.value,
    peakAtMs: peak.at === null ? null : (edges[peak.at] as number),
    baseLoadW: duration[PERCENTS - BASE_LOAD_PERCENTILE] ?? null,
    coverage: windows.length === 0 ? 0 : total.windows / (perQuarter * windows.length),
    quarters: total.quarters,
    loadDurationW: duration,
    hourByDayW: hourByDay(series, edges, timeZone),
  };
}

class Extreme {
  value: number | null = null;
  at: number | null = null;
  private readonly isBeyond: (a: number, b: number) => boolean;

  constructor(isBeyond: (a: number, b: number) => boolean) {
    this.isBeyond = isBeyond;
  }

  look(value: number, at: number): void {
    if (Number.isNaN(value) || (this.value !== null && !this.isBeyond(value, this.value))) return;
    this.value = value;
    this.at = at;
  }
}

/** Sorts in place. Between two quarters of an hour the curve is a straight line. */
function durationOf(means: Float64Array): number[] {
  if (means.length === 0) return [];
  means.sort().reverse();
  return Array.from({ length: PERCENTS + 1 }, (_, percent) => {
    const place = (percent / PERCENTS) * (means.length - 1);
    const before = Math.floor(place);
    const [at, next] = [means[before] as number, means[Math.min(before + 1, means.length - 1)] as number];
    return at + (next - at) * (place - before);
  });
}

/** Mean by ISO weekday, Monday first, and by the hour that the clocks show, of buckets of an hour or shorter; null without data. */
export function hourByDay({ toldWindows, mean }: AddedSeries, edges: readonly number[], timeZone: string): (number | null)[][] {
  const hours = DAYS_PER_WEEK * HOURS_PER_DAY;
  const [weighted, weights] = [new Float64Array(hours), new Float64Array(hours)];
  const clock = new WeekClock(timeZone);
  for (let i = 0; i < toldWindows.length; i++) {
    const held = toldWindows[i] as number;
    if (held === 0) continue;
    const hour = clock.hourOfWeek(edges[i] as number);
    weighted[hour] = (weighted[hour] as number) + (mean[i] as number) * held;
    weights[hour] = (weights[hour] as number) + held;
  }
  return Array.from({ length: DAYS_PER_WEEK }, (_, day) =>
    Array.from({ length: HOURS_PER_DAY }, (_unused, hour) => {
      const at = day * HOURS_PER_DAY + hour;
      return weights[at] === 0 ? null : (weighted[at] as number) / (weights[at] as number);
    }),
  );
}

/** Asks the zone once a day, but on days that have not 24 hours. */
class WeekClock {
  private readonly timeZone: string;
  private readonly days: LocalDays;
  private dayMs = Number.NaN;
  private firstHour = 0;
  private isRegular = false;

  constructor(timeZone: string) {
    this.timeZone = timeZone;
    this.days = new LocalDays(timeZone);
  }

  /** 0 is the first hour of Monday. */
  hourOfWeek(timeMs: number): number {
    const dayMs = this.days.startOf(timeMs);
    if (dayMs !== this.dayMs) {
      this.dayMs = dayMs;
      this.firstHour = this.shownAt(dayMs);
      this.isRegular = this.days.endOf(timeMs) - dayMs === MS_PER_DAY;
    }
    return this.isRegular ? this.firstHour + Math.floor((timeMs - dayMs) / MS_PER_HOUR) : this.shownAt(timeMs);
  }

  private shownAt(timeMs: number): number {
    const { weekday, hour } = weekdayAndHour(this.timeZone, timeMs);
    return (weekday - 1) * HOURS_PER_DAY + hour;
  }
}
