/** What `latest` is told after an append: the newest window of each series that the append added to, whole. */
import { windowStartMs } from '../../../common/units.ts';
import { addAggregate, type Aggregate } from '../analytics/rollup.ts';
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
      // Only late parts: what is shown stays.
      if (newest === undefined || newest.startMs < windowStartMs(series.lastMs, windowMs)) continue;
      const name = { household, device: device.device, field: series.field };
      buckets.push(windowBucket(name, newest.startMs, wholeWindow(newest, series), windowMs));
    }
  }
  return buckets;
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
  const before = window.before[index];
  if (before !== undefined) addAggregate(whole, before);
  return whole;
}
