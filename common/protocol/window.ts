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
  fields: readonly string[];
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

/** @param source digest of the reading's source, for whoever has it at hand */
export function openPart(reading: Reading, windowMs: number, source = sourceDigest(reading)): OpenPart {
  const fields = fieldsOf(reading);
  const first = reading.values[fields[0] as string] as number;
  // A list that is begun with its numbers has just their room; one that grows has three times as much.
  const stats = [first, first, first, first, first];
  for (let i = 1; i < fields.length; i++) {
    const value = reading.values[fields[i] as string] as number;
    stats.push(value, value, value, value, value);
  }
  const digest = { high: 0, low: 0 };
  addReadingDigest(digest, source, reading.seq, reading.timeMs, reading.values);
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

let fieldsBefore: readonly string[] = [];

/** Sorted names of the fields. Most readings have those of the one before, and share the list with it. */
function fieldsOf({ values }: Reading): readonly string[] {
  let same = 0;
  for (const field in values) {
    if (fieldsBefore[same] !== field) return (fieldsBefore = Object.freeze(Object.keys(values).sort()));
    same++;
  }
  return same === fieldsBefore.length ? fieldsBefore : (fieldsBefore = Object.freeze(Object.keys(values).sort()));
}

/** Adds a reading for which `belongsTo` holds. `first` and `last` go by (time, seq). @param source as of openPart */
export function addReading(open: OpenPart, reading: Reading, source = sourceDigest(reading)): void {
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
  addReadingDigest(open.digest, source, reading.seq, reading.timeMs, reading.values);
}

export function closePart(open: OpenPart): Part {
  const { household, device, src, fromSeq, toSeq, windowStartMs, fields, stats, firstMs, lastMs } = open;
  const [count, digest] = [toSeq - fromSeq + 1, digestToHex(open.digest)];
  return { household, device, src, fromSeq, toSeq, windowStartMs, count, fields, stats, firstMs, lastMs, digest };
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
