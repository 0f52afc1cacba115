/**
 * R3: readings to parts, pure. One open part per device; it takes a reading only if that is the next seq of the same
 * source, in the same window, with the same fields. Closing early is harmless: what comes later is another part.
 */
import { type Part, type Reading, STAT, STATS_PER_FIELD } from '../messages.ts';
import { sourceKey } from '../ids.ts';
import { windowStartMs } from '../units.ts';
import { addReadingDigest, type Digest, digestFromHex, digestToHex, textDigest } from './digest.ts';

/** A part that still grows. Plain numbers only: it is saved with every checkpoint. */
export interface OpenPart {
  household: string;
  device: string;
  src: string;
  fromSeq: number;
  toSeq: number;
  windowStartMs: number;
  fields: string[];
  stats: number[];
  firstMs: number;
  lastMs: number;
  digest: Digest;
}

/** True when the reading may be added: next seq of the same source, same window, same fields. */
export function belongsTo(open: OpenPart, reading: Reading, windowMs: number): boolean {
  if (reading.seq !== open.toSeq + 1 || reading.src !== open.src) return false;
  if (windowStartMs(reading.timeMs, windowMs) !== open.windowStartMs) return false;
  let fields = 0;
  for (const field in reading.values) {
    if (!open.fields.includes(field)) return false;
    fields++;
  }
  return fields === open.fields.length;
}

export function openPart(reading: Reading, windowMs: number): OpenPart {
  const fields = Object.keys(reading.values).sort();
  const stats: number[] = [];
  for (const field of fields) {
    const value = reading.values[field] as number;
    stats.push(value, value, value, value, value);
  }
  const digest = { high: 0, low: 0 };
  addReadingDigest(digest, sourceDigest(reading), reading.seq, reading.timeMs, reading.values);
  return {
    household: reading.household,
    device: reading.device,
    src: reading.src,
    fromSeq: reading.seq,
    toSeq: reading.seq,
    windowStartMs: windowStartMs(reading.timeMs, windowMs),
    fields,
    stats,
    firstMs: reading.timeMs,
    lastMs: reading.timeMs,
    digest,
  };
}

/** Adds a reading for which `belongsTo` holds. `first` and `last` go by (time, seq). */
export function addReading(open: OpenPart, reading: Reading): void {
  const isFirst = reading.timeMs < open.firstMs;
  const isLast = reading.timeMs >= open.lastMs;
  const { stats } = open;
  for (let i = 0; i < open.fields.length; i++) {
    const value = reading.values[open.fields[i] as string] as number;
    const at = i * STATS_PER_FIELD;
    stats[at + STAT.sum] = (stats[at + STAT.sum] as number) + value;
    if (value < (stats[at + STAT.min] as number)) stats[at + STAT.min] = value;
    if (value > (stats[at + STAT.max] as number)) stats[at + STAT.max] = value;
    if (isFirst) stats[at + STAT.first] = value;
    if (isLast) stats[at + STAT.last] = value;
  }
  if (isFirst) open.firstMs = reading.timeMs;
  if (isLast) open.lastMs = reading.timeMs;
  open.toSeq = reading.seq;
  addReadingDigest(open.digest, sourceDigest(reading), reading.seq, reading.timeMs, reading.values);
}

export function closePart(open: OpenPart): Part {
  return { ...open, count: open.toSeq - open.fromSeq + 1, digest: digestToHex(open.digest) };
}

/** The other way: a saved part as an open one. */
export function reopenPart(part: Part): OpenPart {
  const { count: _count, ...rest } = part;
  return { ...rest, fields: [...part.fields], stats: [...part.stats], digest: digestFromHex(part.digest) };
}

/** Readings of one source in seq order, cut into parts; a hole, another window or other fields begin a new one. */
export function cutIntoParts(readings: Iterable<Reading>, windowMs: number): Part[] {
  const parts: Part[] = [];
  let open: OpenPart | undefined;
  for (const reading of readings) {
    if (open !== undefined && belongsTo(open, reading, windowMs)) {
      addReading(open, reading);
      continue;
    }
    if (open !== undefined) parts.push(closePart(open));
    open = openPart(reading, windowMs);
  }
  if (open !== undefined) parts.push(closePart(open));
  return parts;
}

function sourceDigest(reading: Reading): Digest {
  return textDigest(sourceKey(reading.household, reading.device, reading.src));
}
