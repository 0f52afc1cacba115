/** GET /api/v1/states: the 16 states. GET /api/v1/states/:code: one of them, with the hours of its days. */
import { z } from 'zod';
import { MS_PER_HOUR, MS_PER_WEEK } from '../../../../common/units.ts';
import { isoTime } from '../../../../common/iso-time.ts';
import type { AddedSeries } from '../../analytics/add-series.ts';
import { emptyColumns } from '../../analytics/bucket-columns.ts';
import { SITE_TIME_ZONE, weekdayAndHour } from '../../analytics/local-time.ts';
import { hourByDay } from '../../analytics/profile.ts';
import type { HouseholdRow, PowerTotals } from '../../storage/series-store.ts';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import type { StateDetailReply, StatesReply } from '../api-types.ts';
import { tieredEdges, wholeWindows, windowsIn } from '../bucket-range.ts';
import { EXTRAPOLATION, POWER_FIELD, stateRows } from '../figures.ts';
import { PROBLEM_DETAILS } from '../problem-details.ts';
import { Problem, shortened } from '../problem.ts';
import { pathWord, readQuery, time, timeZone } from '../query.ts';
import { type AskedRange, askedRange, cacheControl, timeBases } from '../range.ts';
import { readSums } from '../read-sums.ts';
import { seriesEdges } from '../series-answer.ts';
import { stateCode, stateDetailReply, statesReply } from '../schemas/states.ts';

/** Ids of households in one answer. */
const HOUSEHOLDS_MAX = 1_000;
const QUERY = z.object({ from: time.optional(), to: time.optional() });
const DETAIL_QUERY = z.object({ from: time.optional(), to: time.optional(), tz: timeZone.optional() });

export const STATES: ApiRoute = {
  path: '/api/v1/states',
  operationId: 'listStates',
  group: 'Places',
  summary: 'The 16 states with mean power and a typical household’s year',
  description: 'Without `from` and `to` the figures are made of all windows there are; with them of the windows in the range.',
  query: QUERY,
  replies: { 'application/json': statesReply },
  example: '/api/v1/states',
  handler: (parts) => async (request, response) => {
    const query = readQuery(request, QUERY);
    const range = await askedRange(parts, query);
    const { overview, settings, stateNames } = parts;
    const { states, total, households } = await overview.current();
    const isWhole = range.from === undefined && range.to === undefined;
    const bounds = isWhole ? undefined : await boundsOf(parts, range);
    const rows =
      bounds === undefined
        ? [...states]
        : stateRows(await totalsIn(parts, bounds), [...households.values()], stateNames, settings.priceEurPerKwh);
    const reply: StatesReply = {
      states: rows,
      priceEurPerKwh: settings.priceEurPerKwh,
      extrapolation: EXTRAPOLATION,
      from: bounds === undefined ? null : isoTime(bounds.from),
      to: bounds === undefined ? null : isoTime(bounds.to),
      dataLabel: settings.dataLabel,
      newestAt: total.newestMs === null ? null : isoTime(total.newestMs),
    };
    response.json(reply);
  },
};

export const STATE: ApiRoute = {
  path: '/api/v1/states/:code',
  operationId: 'getState',
  group: 'Places',
  summary: 'One state: its figures, its households, its mean power by hour of the day',
  description: 'The last 7 days of the data when no range is given.',
  params: z.object({ code: stateCode }),
  query: DETAIL_QUERY,
  replies: { 'application/json': stateDetailReply },
  problems: [404],
  example: '/api/v1/states/DE-BB?from=latest-7d',
  handler: (parts) => async (request, response) => {
    const { overview, settings, stateNames, clock } = parts;
    const code = pathWord(request, 'code');
    if (!stateNames.has(code))
      throw new Problem(
        404,
        'no-such-state',
        PROBLEM_DETAILS.say('state-unknown', { state: shortened(code), states: [...stateNames.keys()].join(', ') }),
      );
    const {
      from: fromWord = { base: 'latest', offsetMs: -MS_PER_WEEK },
      to: toWord,
      tz = SITE_TIME_ZONE,
    } = readQuery(request, DETAIL_QUERY);
    const bounds = await boundsOf(parts, await askedRange(parts, { from: fromWord, to: toWord }));
    const members = [...(await overview.current()).households.values()].filter(({ state }) => state === code);
    const edges = seriesEdges({ resolution: '1h', fromMs: bounds.from, toMs: bounds.to, timeZone: tz, windowMs: settings.windowMs });
    const keys = members.map(({ household }) => ({ household, field: POWER_FIELD }));
    const isEmpty = edges.length < 2;
    const [all] = await readSums(parts, [keys], isEmpty ? [0, settings.windowMs] : edges);
    const totals = isEmpty ? [] : await totalsOf(parts, members, { from: edges[0] as number, to: edges.at(-1) as number });
    const row = stateRows(totals, members, new Map([[code, stateNames.get(code) as string]]), settings.priceEurPerKwh)[0];
    if (row === undefined) throw new Error(`no row for ${code}`);
    const windowsMax = (all?.devices ?? 0) * windowsIn(edges, settings.windowMs);
    const windows = sumOf(all?.windows);
    const reply: StateDetailReply = {
      state: row,
      households: members.slice(0, HOUSEHOLDS_MAX).map(({ household }) => household),
      from: isoTime(edges[0] ?? bounds.from),
      to: isoTime(edges.at(-1) ?? bounds.to),
      tz,
      hourOfDay: hourOfDay(isEmpty || all === undefined ? NOTHING : all, isEmpty ? [] : edges, tz),
      energyKwh: windows === 0 ? null : sumOf(all?.energyKwh),
      coverage: windowsMax === 0 ? null : windows / windowsMax,
      priceEurPerKwh: settings.priceEurPerKwh,
      extrapolation: EXTRAPOLATION,
      dataLabel: settings.dataLabel,
    };
    const isFixed = fromWord.base === 'fixed' && toWord?.base === 'fixed';
    const { latestMs } = await timeBases({ overview, clock, settings });
    response.set('Cache-Control', cacheControl(isFixed, bounds.to, latestMs)).json(reply);
  },
};

const NOTHING: AddedSeries = { devices: 0, ...emptyColumns(0) };

/** What is left out begins with the first window and ends with the newest; whole windows. */
async function boundsOf(parts: ApiParts, { from, to }: AskedRange): Promise<{ from: number; to: number }> {
  const { firstMs, latestMs, nowMs } = await timeBases(parts);
  return wholeWindows({ from: from ?? firstMs ?? nowMs, to: to ?? latestMs ?? nowMs }, parts.settings.windowMs);
}

async function totalsIn(parts: ApiParts, range: { from: number; to: number }): Promise<PowerTotals[]> {
  return totalsOf(parts, [...(await parts.overview.current()).households.values()], range);
}

async function totalsOf(parts: ApiParts, rows: readonly HouseholdRow[], range: { from: number; to: number }): Promise<PowerTotals[]> {
  const edges = tieredEdges(range, await parts.store.kept());
  if (edges.length === 0) return [];
  const keys = rows.map(({ household }) => [{ household, field: POWER_FIELD }]);
  const found = await readSums(parts, keys, edges);
  return rows.map((row, i) => totalOf(row, found[i], parts.settings.windowMs));
}

/** Hours are those of one device: a household that measures with two has no more of them. */
function totalOf(
  { household, state }: { household: string; state: string },
  found: AddedSeries | undefined,
  windowMs: number,
): PowerTotals {
  const windows = sumOf(found?.windows);
  const hours = found === undefined || found.devices === 0 ? 0 : (windows / found.devices) * (windowMs / MS_PER_HOUR);
  return { household, state, count: sumOf(found?.count), energyKwh: windows === 0 ? 0 : sumOf(found?.energyKwh), coveredHours: hours };
}

/** What is no number is no data. */
function sumOf(values: Float64Array | undefined): number {
  let sum = 0;
  for (const value of values ?? []) if (!Number.isNaN(value)) sum += value;
  return sum;
}

/** Friday, as ISO numbers the days. */
const LAST_WORKDAY = 5;

/** Monday to Friday, and Saturday with Sunday: the mean of the days that have data in the hour, the extremes of its single hours. */
function hourOfDay(all: AddedSeries, edges: readonly number[], tz: string): StateDetailReply['hourOfDay'] {
  const week = hourByDay(all, edges, tz);
  const meanOf = (days: typeof week, hour: number) => {
    const known = days.flatMap((day) => day[hour] ?? []);
    return known.length === 0 ? null : known.reduce((sum, mean) => sum + mean, 0) / known.length;
  };
  const extremes = extremesByHour(all, edges, tz);
  return Array.from({ length: 24 }, (_, hour) => ({
    hour,
    weekdayMeanW: meanOf(week.slice(0, LAST_WORKDAY), hour),
    weekdayMinW: extremes[hour]?.week.least ?? null,
    weekdayMaxW: extremes[hour]?.week.greatest ?? null,
    weekendMeanW: meanOf(week.slice(LAST_WORKDAY), hour),
    weekendMinW: extremes[hour]?.end.least ?? null,
    weekendMaxW: extremes[hour]?.end.greatest ?? null,
  }));
}

interface Extremes {
  least: number | null;
  greatest: number | null;
}

function extremesByHour({ mean: means }: AddedSeries, edges: readonly number[], tz: string): { week: Extremes; end: Extremes }[] {
  const nothing = (): Extremes => ({ least: null, greatest: null });
  const hours = Array.from({ length: 24 }, () => ({ week: nothing(), end: nothing() }));
  for (const [i, mean] of means.entries()) {
    if (Number.isNaN(mean)) continue;
    const { weekday, hour } = weekdayAndHour(tz, edges[i] as number);
    const its = weekday <= LAST_WORKDAY ? hours[hour]?.week : hours[hour]?.end;
    if (its === undefined) continue;
    its.least = Math.min(its.least ?? mean, mean);
    its.greatest = Math.max(its.greatest ?? mean, mean);
  }
  return hours;
}
