/** What a series store in memory holds: what the tables of the real one do, as objects that can be copied whole. */
import type { Rollup } from '../../cloud/server/analytics/rollup.ts';
import { SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { MemoryParts } from './memory-parts.ts';
import type { MemoryWindows } from './memory-windows.ts';

export interface MemoryGap {
  from: number;
  to: number;
  reason: string;
}

export interface MemorySource {
  src: string;
  /** In the order of their first rows. */
  id: number;
  covered: SeqIntervals;
  declared: SeqIntervals;
  /** As declared, with reasons. */
  gaps: MemoryGap[];
  firstMs: number | undefined;
  greatestMs: number | undefined;
  readings: number;
  parts: MemoryParts;
}

export interface MemorySeries {
  field: string;
  power: boolean;
  count: number;
  energyWs: number;
  windowCount: number;
  lastMs: number;
  windows: MemoryWindows;
  /** By level, then by start. */
  levels: Map<number, Rollup>[];
}

export interface MemoryDevice {
  device: string;
  sources: Map<string, MemorySource>;
  series: MemorySeries[];
}

export interface MemoryHousehold {
  household: string;
  postalCode: string;
  postalCodeFrom: 'file' | 'drawn';
  state: string;
  generation: number;
  claim: string;
  edge: string;
  devices: Map<string, MemoryDevice>;
}

/** One database. Several stores may use it at once. */
export class MemorySeriesFile {
  windowMs: number | undefined;
  households = new Map<string, MemoryHousehold>();
  sourcesMade = 0;
  /** By length of bucket: what starts before was forgotten. */
  keptFromMs = new Map<number, number>();
  /** Nothing can be written any more. */
  isFull = false;

  copy(): MemorySeriesFile {
    const copy = new MemorySeriesFile();
    copy.windowMs = this.windowMs;
    copy.sourcesMade = this.sourcesMade;
    copy.keptFromMs = new Map(this.keptFromMs);
    copy.households = copyMap(this.households, (held) => ({ ...held, devices: copyMap(held.devices, copyDevice) }));
    return copy;
  }

  inOrder(): MemoryHousehold[] {
    return inOrder(this.households);
  }
}

/** By name, as bytes are ordered. */
export function inOrder<T>(map: ReadonlyMap<string, T>): T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

export function copySource(source: MemorySource): MemorySource {
  const { covered, declared, gaps, parts } = source;
  return { ...source, covered: covered.clone(), declared: declared.clone(), gaps: gaps.map((gap) => ({ ...gap })), parts: parts.copy() };
}

export function emptySource(src: string): MemorySource {
  const totals = { firstMs: undefined, greatestMs: undefined, readings: 0 };
  return { src, id: 0, covered: new SeqIntervals(), declared: new SeqIntervals(), gaps: [], ...totals, parts: new MemoryParts() };
}

function copyDevice({ device, sources, series }: MemoryDevice): MemoryDevice {
  return { device, sources: copyMap(sources, copySource), series: series.map(copySeries) };
}

function copySeries(series: MemorySeries): MemorySeries {
  const levels = series.levels.map((level) => copyMap(level, (rollup) => ({ ...rollup })));
  return { ...series, windows: series.windows.copy(), levels };
}

function copyMap<K, V>(map: ReadonlyMap<K, V>, copy: (value: V) => V): Map<K, V> {
  return new Map([...map].map(([key, value]) => [key, copy(value)]));
}
