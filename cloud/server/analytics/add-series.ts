/** Adding series up, pure: a household's devices, a state's households, all of them. */
import { type BucketColumns, emptyColumns } from './bucket-columns.ts';

export interface AddedSeries extends BucketColumns {
  /** Devices in the sum, whether they have data or not. */
  devices: number;
}

/**
 * The sum of several series with the same buckets: of what was told, and of nothing that stands in for what is missing. Its mean is the
 * sum of all their window means over the time that was told of, which is that of the series with most windows: so it is the mean of the
 * sums of shorter buckets, and a household that was silent for half of an hour pulls the mean of the hour down as it does those of its
 * minutes. What share was told says `windows`. The gaps of several that each have one are taken to lie together: only windows tell
 * whether they do.
 * @param isOneWindow of each bucket, whether it is one window: longer ones have no extremes, because the instants of the
 *   extremes of each are not known
 */
export function addSeries(all: readonly AddedSeries[], isOneWindow: (bucket: number) => boolean): AddedSeries {
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const length = only?.windows.length ?? 0;
  const added: AddedSeries = { devices: 0, ...emptyColumns(length) };
  for (const its of all) addTo(added, its);
  for (let i = 0; i < length; i++) {
    if (added.windows[i] === 0 || !isOneWindow(i)) continue;
    added.min[i] = added.mean[i] as number;
    added.max[i] = added.mean[i] as number;
  }
  return added;
}

function addTo(into: AddedSeries, other: AddedSeries): void {
  into.devices += other.devices;
  for (let i = 0; i < into.windows.length; i++) {
    if (other.windows[i] === 0) continue;
    const isFirst = into.windows[i] === 0;
    for (const column of ['windows', 'count', 'sum', 'last', 'energyKwh'] as const) {
      const its = other[column][i] as number;
      into[column][i] = isFirst ? its : (into[column][i] as number) + its;
    }
    into.toldWindows[i] = Math.max(into.toldWindows[i] as number, other.toldWindows[i] as number);
    into.mean[i] = isFirst ? (other.mean[i] as number) : (into.sum[i] as number) / (into.toldWindows[i] as number);
    if (isFirst || (other.lastMs[i] as number) > (into.lastMs[i] as number)) into.lastMs[i] = other.lastMs[i] as number;
  }
}
