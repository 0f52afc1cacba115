/** The one range of a page, for everything on it: read, moved, zoomed into and out of. */
import { type Anchors, isLive, moved, spanOf, whileShort, withSpan } from '../range.ts';
import { type Range, rangeOf, zoneOf } from '../range-address.ts';
import type { Span } from '../zone-time.ts';
import { dataEnds, wallMs } from '../live/data-ends.ts';
import { currentRange, goToRange, placeStore } from './place.ts';
import { settingsStore } from './settings.ts';
import { Store, useStore } from './store.ts';

/** Ranges that were zoomed out of sight, the last one first to come back. */
const ZOOMS_MAX = 50;
const zooms = new Store<readonly Range[]>([]);

export interface PageRange {
  /** As it stands in the address, or all there is while that is less than the default. */
  range: Range;
  /** As instants; null until the ends of the data are known. */
  span: Span | null;
  zone: string;
  anchors: Anchors;
  /** True when it moves on with the data. */
  isLive: boolean;
  canZoomBack: boolean;
}

export function usePageRange(): PageRange {
  const { query } = useStore(placeStore);
  const settings = useStore(settingsStore);
  const ends = useStore(dataEnds);
  const stack = useStore(zooms);
  const anchors = { ...ends, nowMs: wallMs() };
  const range = whileShort(rangeOf(new URLSearchParams(query)), anchors);
  const zone = zoneOf(range, settings.zone);
  return { range, span: spanOf(range, anchors), zone, anchors, isLive: isLive(range), canZoomBack: stack.length > 0 };
}

/** A chart was zoomed or moved to a span: so is the page. */
export function zoomTo(span: Span): void {
  const range = currentRange();
  zooms.set([range, ...zooms.get()].slice(0, ZOOMS_MAX));
  goToRange(withSpan(range, { fromMs: Math.round(span.fromMs), toMs: Math.round(span.toMs) }));
}

/** Does nothing when nothing was zoomed. */
export function zoomBack(): void {
  const [range, ...others] = zooms.get();
  if (range === undefined) return;
  zooms.set(others);
  const { res, compare, tz } = currentRange();
  goToRange({ ...range, res, compare, tz });
}

/** Another range by choice: there is no zoom to go back from. */
export function chooseRange(range: Range): void {
  zooms.set([]);
  goToRange(range);
}

/** The period before (−1) or after (+1); nothing while the ends of the data are unknown. */
export function movePeriod(steps: number): void {
  const anchors = { ...dataEnds.get(), nowMs: wallMs() };
  const range = whileShort(currentRange(), anchors);
  const span = spanOf(range, anchors);
  if (span === null) return;
  chooseRange(moved(range, span, steps, zoneOf(range, settingsStore.get().zone)));
}
