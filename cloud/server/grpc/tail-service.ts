/**
 * fogline.v1.SeriesService/TailWindows. The store is read from where each series was told to, so a client that takes them slowly, or a
 * backlog that drains, costs no memory and leaves nothing out. `latest` only says where there is something new.
 */
import type { Clock } from '../../../common/clock.ts';
import type { ApiParts } from '../api/api-parts.ts';
import { checkField, checkKnown } from '../api/known.ts';
import { badParameters } from '../api/query.ts';
import type { Bucket } from '../storage/series-store.ts';

/** Least time between two looks. */
export const TAIL_EVERY_MS = 1_000;
/** Households named in one request; empty is all. */
const HOUSEHOLDS_MAX = 1_000;

interface WindowMessage {
  household: string;
  device: string;
  field: string;
  startMs: number;
  endMs: number;
  count: number;
  mean: number;
  min: number;
  max: number;
  last: number;
  energyKwh?: number;
}

/** @throws Problem 400, 404 */
export async function* tailWindows(
  parts: ApiParts,
  request: { households: readonly string[]; field: string },
  signal: AbortSignal,
): AsyncGenerator<WindowMessage> {
  const field = request.field === '' ? 'power' : request.field;
  if (request.households.length > HOUSEHOLDS_MAX)
    throw badParameters([{ parameter: 'households', detail: `names more than ${HOUSEHOLDS_MAX}: leave it out for all` }]);
  for (const household of request.households) await checkKnown(parts, household);
  await checkField(parts, field);
  const asked = new Set(request.households);
  /** Start of the newest window told, by household/device. */
  const told = new Map<string, number>();
  while (!signal.aborted) {
    for (const newest of await parts.latest.all()) {
      if (newest.field !== field || (asked.size > 0 && !asked.has(newest.household))) continue;
      const key = `${newest.household}/${newest.device}`;
      const toldMs = told.get(key) ?? (await beginOf(parts, newest));
      told.set(key, toldMs);
      if (newest.startMs <= toldMs) continue;
      for await (const bucket of parts.store.range({
        household: newest.household,
        field,
        resolution: 'raw',
        after: { ...newest, startMs: toldMs },
      })) {
        if (bucket.device !== newest.device || signal.aborted) break;
        yield messageOf(bucket, parts.settings.windowMs);
        told.set(key, bucket.startMs);
      }
      if (signal.aborted) return;
    }
    await pause(parts.clock, signal);
  }
}

/** Before the newest window that is stored; what `latest` shows ahead of a backlog is not there yet. */
async function beginOf({ overview, settings }: ApiParts, { household, startMs }: Bucket): Promise<number> {
  const storedMs = (await overview.current()).households.get(household)?.lastMs ?? startMs;
  return Math.min(startMs, storedMs) - settings.windowMs;
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return clock.sleep(TAIL_EVERY_MS, signal);
}

function messageOf({ energyKwh, startMs, household, device, field, count, mean, min, max, last }: Bucket, windowMs: number): WindowMessage {
  const its = { household, device, field, startMs, endMs: startMs + windowMs, count, mean, min, max, last };
  return energyKwh === null ? its : { ...its, energyKwh };
}
