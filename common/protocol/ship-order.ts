/**
 * Which sources may be shipped (R1). The cloud refuses a source of a device that begins before another one of it has ended,
 * so it must hear of a device's sources in the order in which they were recorded.
 */
import { deviceKey } from '../ids.ts';
import type { EdgeLedger, SourceLedger } from './edge-ledger.ts';
import { missingFromAll } from './seq-intervals.ts';

/**
 * Of the queued sources those whose device has no earlier one that is unsettled; in the order in which they were first seen.
 * @param queued holds the source keys
 */
export function shippableSources(ledger: EdgeLedger, queued: { has(key: string): boolean }): string[] {
  const shippable: string[] = [];
  const held = new Set<string>();
  for (const [key, source] of ledger.sources) {
    const device = deviceKey(source.household, source.device);
    if (held.has(device)) continue;
    if (queued.has(key)) shippable.push(key);
    if (!isSettled(source)) held.add(device);
  }
  return shippable;
}

/** All that was ever known of it is stored or declared: no row, open part or unfinished refill is left. */
function isSettled({ seen, gapped, covered, declared }: SourceLedger): boolean {
  const highest = Math.max(seen.max, gapped.max);
  return highest === 0 || covered.containsAll(1, highest) || missingFromAll(1, highest, [covered, declared]).length === 0;
}
