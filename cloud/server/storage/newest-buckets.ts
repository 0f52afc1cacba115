/** What `latest` is told: after an append the newest window of each series that it added to, whole; by the live lane what was sent. */
import type { Part } from '../../../common/messages.ts';
import { windowStartMs } from '../../../common/units.ts';
import { addAggregate, type Aggregate, emptyRollup, type Rollup, rollupOf } from '../analytics/rollup.ts';
import { windowBucket } from './buckets.ts';
import type { KnownDevice, KnownSeries } from './known-households.ts';
import type { AheadWindow } from './latest.ts';
import { hasSeries, type PendingWindow, readAdded } from './pending-windows.ts';
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

/** The windows that these parts make, not stored, in the order of their starts: parts of one window of a device are added up. */
export function bucketsOfParts(parts: readonly Part[], windowMs: number): AheadWindow[] {
  const windows = new Map<string, { name: { household: string; device: string; field: string }; src: string; rollup: Rollup }>();
  for (const part of parts) {
    part.fields.forEach((field, i) => {
      const name = { household: part.household, device: part.device, field };
      const key = `${part.household}/${part.device}/${field}/${part.windowStartMs}`;
      const held = windows.get(key);
      if (held === undefined) windows.set(key, { name, src: part.src, rollup: rollupOf(part, i, 0) });
      else addAggregate(held.rollup, rollupOf(part, i, 0));
    });
  }
  const inOrder = [...windows.values()].sort((a, b) => a.rollup.startMs - b.rollup.startMs);
  return inOrder.map(({ name, src, rollup }) => ({ window: windowBucket(name, rollup.startMs, rollup, windowMs), src }));
}

function newestPending(device: KnownDevice, { index }: KnownSeries): PendingWindow | undefined {
  let newest: PendingWindow | undefined;
  for (const window of device.pending) {
    if ((newest === undefined || window.startMs > newest.startMs) && hasSeries(window, index)) newest = window;
  }
  return newest;
}

function wholeWindow(window: PendingWindow, { index }: KnownSeries): Aggregate {
  const whole = emptyRollup();
  readAdded(whole, window, index);
  const before = window.before?.[index];
  if (before !== undefined) addAggregate(whole, before);
  return whole;
}
