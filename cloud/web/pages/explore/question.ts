/** Pure: what the explorer asks the API for first, from what stands in the address. */
import { POINTS } from '../../data/series.ts';
import { byAxes, type Choice } from './choice.ts';
import { savedAddress, statsFor } from './explore-table.ts';

interface Asked {
  from: string;
  to: string;
  /** `auto`, or a resolution of the API. */
  res: string;
}

/** Null where nothing is chosen. */
export function exploreQuestion({ refs, stat }: Pick<Choice, 'refs' | 'stat'>, range: Asked, zone: string): string | null {
  const { drawn } = byAxes(refs);
  if (drawn.length === 0) return null;
  const grain = range.res === 'auto' ? { points: POINTS } : { resolution: range.res };
  return savedAddress({ refs: drawn, from: range.from, to: range.to, tz: zone, grain }, statsFor(stat, drawn.length));
}
