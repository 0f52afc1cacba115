/** Pure: words of the page that say how far a figure can be trusted. */
import type { LiveMessage, StateRow } from '../server/api/api-types.ts';
import { count, counted, NO_VALUE } from './format.ts';

/** One sentence for the chart; empty when every postal code was read from a file. */
export function drawnSentence(rows: readonly Pick<StateRow, 'households' | 'drawn'>[]): string {
  const households = rows.reduce((sum, row) => sum + row.households, 0);
  const drawn = rows.reduce((sum, row) => sum + row.drawn, 0);
  if (drawn === 0) return '';
  const verb = drawn === 1 ? 'has' : 'have';
  return `${count(drawn)} of ${counted(households, 'household')} ${verb} a drawn postal code; give households.json for real places.`;
}

/** For one state; empty when none is drawn. */
export function drawnNote(row: Pick<StateRow, 'households' | 'drawn'>): string {
  return row.drawn === 0 ? '' : `${count(row.drawn)} of ${count(row.households)} with a drawn postal code`;
}

/** The figure of the edges tile. Without a connection nobody knows who is live now, so it says that it is old. */
export function edgesTile(live: Pick<LiveMessage, 'edges' | 'edgeCount'>, isCut: boolean): string {
  if (live.edgeCount === 0) return NO_VALUE;
  const silent = live.edges.filter((edge) => edge.state === 'silent').length;
  return isCut ? 'unknown' : `${count(live.edgeCount - silent)} of ${count(live.edgeCount)} live`;
}
