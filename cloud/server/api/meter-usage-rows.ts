/**
 * The rows of meter usage: one per quarter of an hour (UTC) with the mean of the power, W, for GET /meter-usage and for gRPC. Which series:
 * the one asked for; else the household of the settings; else the one named `meterusage`, as an import names it; else all households.
 */
import type { ApiParts } from './api-parts.ts';
import { checkKnown } from './known.ts';
import { storedSpan } from './range.ts';
import type { AskedSeries } from './series-answer.ts';
import { seriesSlices } from './series-slices.ts';

/** What `fogline import` calls the household of the file of these clients, meterusage.csv, unless told otherwise. */
const IMPORTED_HOUSEHOLD = 'meterusage';
const RESOLUTION = '15m';

export interface MeterUsageRow {
  /** Unix time in s UTC: begin of the quarter of an hour. */
  timestamp: number;
  /** Null where there is no reading. */
  value: number | null;
}

export interface MeterUsageQuery {
  series: AskedSeries | undefined;
  /** Rows with fromMs ≤ timestamp < toMs; from the first and up to the newest when left out. */
  fromMs: number | undefined;
  toMs: number | undefined;
  signal: AbortSignal;
}

/** From the first reading to the newest at most, without a row left out in between. @throws Problem 404 for what is not stored */
export async function* meterUsageRows(parts: ApiParts, query: MeterUsageQuery): AsyncGenerator<MeterUsageRow> {
  const { households } = await parts.overview.current();
  // A cloud to which nothing has come yet has no rows, and nobody asked for something that it lacks.
  if (households.size === 0 && query.series === undefined && parts.settings.meterUsageHousehold === '') return;
  const series = query.series ?? (await defaultSeries(parts));
  const { ref } = series;
  const members = [...households.values()].filter((row) =>
    ref.kind === 'household' || ref.kind === 'device' ? row.household === ref.household : ref.kind === 'all' || row.state === ref.state,
  );
  if (ref.kind === 'household' || ref.kind === 'device') await checkKnown(parts, ref.household);
  const { firstMs, latestMs } = storedSpan(members, parts.settings.windowMs);
  if (firstMs === null || latestMs === null) return;
  // What is before the first row or after the newest is no row without data: it is none.
  const fromMs = Math.max(query.fromMs ?? firstMs, firstMs);
  const toMs = Math.min(query.toMs ?? Infinity, latestMs);
  if (fromMs >= toMs) return;
  const asked = { series: [series], resolution: RESOLUTION, points: undefined, columns: ['mean'], timeZone: 'UTC' } as const;
  for await (const { edges, series: answered } of seriesSlices(parts, { ...asked, fromMs, toMs, signal: query.signal })) {
    const means = answered[0]?.columns.get('mean') ?? [];
    for (const [i, value] of means.entries()) {
      const startMs = edges[i] as number;
      // A quarter that had begun before the time asked for is not asked for.
      if (query.fromMs === undefined || startMs >= query.fromMs) yield { timestamp: startMs / 1_000, value };
    }
  }
}

async function defaultSeries(parts: ApiParts): Promise<AskedSeries> {
  const { households } = await parts.overview.current();
  const wanted = parts.settings.meterUsageHousehold;
  if (wanted !== '') await checkKnown(parts, wanted);
  const household = wanted !== '' ? wanted : households.has(IMPORTED_HOUSEHOLD) ? IMPORTED_HOUSEHOLD : undefined;
  const field = 'power';
  if (household === undefined) return { text: `all.${field}`, ref: { kind: 'all', field } };
  return { text: `${household}.${field}`, ref: { kind: 'household', household, field } };
}
