/** Ranges in wall clock, for what is told of edges: the last day unless asked otherwise, in slots of whole steps. */
import { z } from 'zod';
import { MS_PER_DAY } from '../../../common/units.ts';
import type { ApiParts } from './api-parts.ts';
import { time } from './query.ts';
import { askedRange } from './range.ts';
import type { TimeWord } from './time-word.ts';

export const RANGE_QUERY = z.object({ from: time.optional(), to: time.optional() });

export async function wallRange(
  parts: ApiParts,
  query: { from?: TimeWord | undefined; to?: TimeWord | undefined },
): Promise<{ fromMs: number; toMs: number }> {
  const { from: fromMs = 0, to: toMs = 0 } = await askedRange(parts, {
    from: query.from ?? { base: 'now', offsetMs: -MS_PER_DAY },
    to: query.to ?? { base: 'now', offsetMs: 0 },
  });
  return { fromMs, toMs };
}

/** Whole times the least slot, so many at most. */
export function slotOf(fromMs: number, toMs: number, slotsMax: number, slotMsMin: number): number {
  return Math.max(slotMsMin, Math.ceil((toMs - fromMs) / slotsMax / slotMsMin) * slotMsMin);
}
