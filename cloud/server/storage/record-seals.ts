/**
 * The seals of what the store keeps beside the parts: who owns a household, what is covered and declared, totals. Each says whose it
 * is, so a row that a flipped bit has given to another household does not hold there.
 */
import { crc32 } from 'node:zlib';
import { sealOfRow } from '../../../common/row-seal.ts';

export interface HouseholdRecord {
  id: number;
  household: string;
  postal_code: string;
  postal_code_from: 'file' | 'drawn';
  state: string;
  generation: number;
  claim: string;
  edge: string;
  seal: number | null;
}

export interface DeviceRecord {
  id: number;
  household_id: number;
  device: string;
  seal: number | null;
}

export interface SourceRecord {
  id: number;
  device_id: number;
  src: string;
  /** [[from, to], …] */
  covered: string;
  first_ms: number | null;
  greatest_ms: number | null;
  readings: number;
  digest_high: number;
  digest_low: number;
  /** What of the above is of parts that were deleted: ForgottenParts (source-rebuild.ts) with a seal, empty for none. */
  forgotten: string;
  seal: number | null;
}

export interface GapRecord {
  source_id: number;
  from_seq: number;
  to_seq: number;
  reason: string;
  seal: number | null;
}

export interface SeriesRecord {
  id: number;
  device_id: number;
  field: string;
  count: number;
  energy_ws: number;
  window_count: number;
  last_ms: number;
  seal: number | null;
}

/** Names of what a row belongs to. */
export interface Owner {
  household: string;
  device: string;
}

export function sealOfHousehold(row: Omit<HouseholdRecord, 'seal'>): number {
  return sealOfRow([row.id, row.household, row.postal_code, row.postal_code_from, row.state, row.generation, row.claim, row.edge]);
}

export function sealOfDevice(id: number, { household, device }: Owner): number {
  return sealOfRow([id, household, device]);
}

export function sealOfSource({ household, device }: Owner, row: Omit<SourceRecord, 'seal' | 'device_id'>): number {
  const { id, src, covered, first_ms: first, greatest_ms: greatest, readings, digest_high: high, digest_low: low, forgotten } = row;
  return sealOfRow([id, household, device, src, covered, first, greatest, readings, high, low, forgotten]);
}

export function sealOfGap(
  { household, device }: Owner,
  src: string,
  { source_id, from_seq, to_seq, reason }: Omit<GapRecord, 'seal'>,
): number {
  return sealOfRow([source_id, household, device, src, from_seq, to_seq, reason]);
}

/** The first half of the seal of a series: the same for ever. */
export function sealOfSeriesName(id: number, { household, device }: Owner, field: string): number {
  return sealOfRow([id, household, device, field]);
}

const totals = new Float64Array(4);

/** The whole seal, going on from that of the name. */
export function sealOfTotals(name: number, count: number, energyWs: number, windowCount: number, lastMs: number): number {
  totals[0] = count;
  totals[1] = energyWs;
  totals[2] = windowCount;
  totals[3] = lastMs;
  return crc32(totals, name);
}
