/**
 * The meter usage file of the earlier consumption server, and how a row of it becomes one of a replay file. Pure.
 *
 *   time,meterusage
 *   2019-01-02 03:00:00,58.68
 *   2019-01-17 02:45:00,NaN
 *
 * `time` is UTC. The file does not say the unit; its values (45 to 356 every quarter of an hour) are taken as W: 143 W on average are the
 * 1,250 kWh a year of a small home, while kWh of a quarter of an hour would be a factory. `NaN` is a quarter without a reading: it
 * becomes no row, so it is missing in everything made of it, and is counted.
 */
import type { AcceptedRow } from './gem-house-row.ts';
import { dateTextOf, type ReplayRow, timeOf } from './gem-house-original.ts';
import { acceptRow } from './gem-house-row.ts';

/** The first two lines of the replay file: power alone, nothing is made up for the other columns. */
export const METER_USAGE_REPLAY_HEAD = 'household\ndate,timestamp,power\n';
/** Between two rows. */
export const METER_USAGE_INTERVAL_SECONDS = 900;
const REPLAY_COLUMNS = { count: 3, timestamp: 1, power: 2, energy: -1, power1: -1, power2: -1, power3: -1 };
const PLAIN = /^[+-]?\d+(\.\d+)?$/;

/** @param first the first line of the file, split into fields */
export function isMeterUsage(first: readonly string[]): boolean {
  return first.length === 2 && first[0]?.trim() === 'time' && first[1]?.trim() === 'meterusage';
}

/** @returns the row as a replay file has it, `missing` for a quarter without a reading, or why it is none */
export function meterUsageRowOf(fields: readonly string[]): ReplayRow | 'missing' | { reason: string } {
  if (fields.length !== 2) return { reason: `${fields.length} columns instead of 2` };
  const [time = '', value = ''] = fields.map((text) => text.trim());
  const timeMs = timeOf(time);
  if (timeMs === undefined) return { reason: 'time is not a time like 2019-01-02 03:00:00' };
  if (/^nan$/i.test(value) || value === '') return 'missing';
  // As text: 58.68 W become 58680 mW and again 58.68 W, to the last bit.
  const milliwatts = PLAIN.test(value) ? String(Number(`${value}e3`)) : value;
  if (!PLAIN.test(milliwatts)) return { reason: 'meterusage is not a finite number' };
  const row: AcceptedRow | string = acceptRow(['', String(timeMs), milliwatts], REPLAY_COLUMNS);
  if (typeof row === 'string') return { reason: row };
  return { kind: 'row', timeMs, line: `${dateTextOf(timeMs)},${timeMs},${milliwatts}\n`, dateDiffers: false };
}
