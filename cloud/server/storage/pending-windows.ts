/**
 * The windows that a transaction adds to, as the parts that it stores. Nothing is added up but when it is looked at, one series at a time
 * and into the same object: a request of 500 parts would make thousands that live until its commit.
 */
import type { Part } from '../../../common/messages.ts';
import { addAggregate, type Aggregate, emptyRollup, readRollup, type Rollup } from '../analytics/rollup.ts';

/** By series of a device: its place in the fields of a part, -1 for none. Series that came later are not in the list. */
export type FieldPlaces = readonly number[];

interface PendingPart {
  readonly part: Part;
  readonly source: number;
  readonly places: FieldPlaces;
}

export interface PendingWindow {
  readonly startMs: number;
  /** What was stored of it before, by series; undefined when some of that is damaged. */
  readonly before: readonly (Aggregate | undefined)[] | undefined;
  readonly parts: PendingPart[];
}

/** Parts come in the order of their windows, but for late ones. */
export function pendingAt(windows: readonly PendingWindow[], startMs: number): PendingWindow | undefined {
  for (let at = windows.length - 1; at >= 0; at--) {
    const window = windows[at] as PendingWindow;
    if (window.startMs === startMs) return window;
  }
  return undefined;
}

export function hasSeries({ parts }: PendingWindow, series: number): boolean {
  for (const { places } of parts) if ((places[series] ?? -1) !== -1) return true;
  return false;
}

const another = emptyRollup();

/** The readings that are added to one series of the window. @returns false, and nothing is read, where there are none */
export function readAdded(into: Rollup, { parts }: PendingWindow, series: number): boolean {
  let isAny = false;
  for (const { part, source, places } of parts) {
    const place = places[series] ?? -1;
    if (place === -1) continue;
    if (isAny) addAggregate(into, readRollup(another, part, place, source));
    else readRollup(into, part, place, source);
    isAny = true;
  }
  return isAny;
}
