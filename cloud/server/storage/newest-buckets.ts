/** What `latest` is told: after an append the newest window of each series that it added to, whole; by the live lane what was sent. */
import type { Part } from '../../../common/messages.ts';
import { windowStartMs } from '../../../common/units.ts';
import { addAggregate, type Aggregate, type Rollup, rollupOf } from '../analytics/rollup.ts';
import { windowBucket } from './buckets.ts';
import type { KnownDevice, KnownSeries, PendingWindow } from './known-households.ts';
import type { Bucket } from './series-store.ts';

/** To be called before flush, which uses up the pending windows. */
export function newestBuckets(devices: Iterable<KnownDevice>, windowMs: number): Bucket[] {
  const buckets: Bucket[] = [];
  for (const device of devices) {
    const { household } = device.household;
    for (const series of device.series) {
      const newest = newestPending(device, series);
      // Only late parts, or parts of a damaged window: what is shown stays.
      if (newest?.before === undefined || newest.startMs < windowStartMs(series.lastMs, windowMs)) continue;
      const name = { household, device: device.device, field: series.field };
      buckets.push(windowBucket(name, newest.startMs, wholeWindow(newest, series), windowMs));
    }
  }
  return buckets;
}

/** The windows that these parts make, not stored: parts of one window of a device are added up. */
export function bucketsOfParts(parts: readonly Part[], windowMs: number): Bucket[] {
  const windows = new Map<string, { name: { household: string; device: string; field: string }; rollup: Rollup }>();
  for (const part of parts) {
    part.fields.forEach((field, i) => {
      const name = { household: part.household, device: part.device, field };
      const key = `${part.household}/${part.device}/${field}/${part.windowStartMs}`;
      const held = windows.get(key);
      if (held === undefined) windows.set(key, { name, rollup: rollupOf(part, i, 0) });
      else addAggregate(held.rollup, rollupOf(part, i, 0));
    });
  }
  return [...windows.values()].map(({ name, rollup }) => windowBucket(name, rollup.startMs, rollup, windowMs));
}

function newestPending(device: KnownDevice, { index }: KnownSeries): PendingWindow | undefined {
  let newest: PendingWindow | undefined;
  for (const window of device.pending.values()) {
    if (window.added[index] !== undefined && (newest === undefined || window.startMs > newest.startMs)) newest = window;
  }
  return newest;
}

function wholeWindow(window: PendingWindow, { index }: KnownSeries): Aggregate {
  const whole = { ...(window.added[index] as Aggregate) };
  const before = window.before?.[index];
  if (before !== undefined) addAggregate(whole, before);
  return whole;
}
