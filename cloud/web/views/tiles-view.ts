/** The four figures on top. */
import type { LiveMessage } from '../../server/api/api-types.ts';
import { count, counted, dateAndTime, duration, eur, hours, kwh, marked, NO_VALUE, power } from '../format.ts';
import type { Freshness, Typical } from '../page-state.ts';
import { edgesTile } from '../words.ts';
import { byId, setText } from './elements.ts';

export function showTiles(live: LiveMessage, typical: Typical | null, fresh: Freshness): void {
  showPower(live);
  showTypical(typical, live.priceEurPerKwh);
  showNewest(live, fresh);
  showEdgeCounts(live, fresh);
}

function showPower(live: LiveMessage): void {
  setText(byId('power'), power(live.totalPowerW));
  const note =
    live.totalPowerW === null ? 'waiting for the first window' : `${count(live.current)} of ${counted(live.households, 'household')}`;
  setText(byId('power-note'), note);
}

function showTypical(typical: Typical | null, priceEurPerKwh: number): void {
  setText(byId('typical'), typical === null ? NO_VALUE : marked(kwh(typical.annualKwh), typical.rough));
  const cost = typical === null ? '' : marked(eur(typical.annualKwh * priceEurPerKwh), typical.rough);
  setText(
    byId('typical-note'),
    typical === null ? 'waiting for the first window' : `a year, or ${cost}; from ${hours(typical.coveredHours)} of data`,
  );
}

function showNewest(live: LiveMessage, fresh: Freshness): void {
  if (live.newestAt === null) {
    setText(byId('newest'), NO_VALUE);
    setText(byId('newest-note'), 'waiting for the first window');
    return;
  }
  const { date, time } = dateAndTime(live.newestAt);
  setText(byId('newest'), `${time} UTC`);
  setText(byId('newest-note'), `${date} · ${ageText(fresh)}`);
}

function ageText(fresh: Freshness): string {
  if (fresh.kind === 'finished') return 'end of the replay';
  if (!('ageSeconds' in fresh) || fresh.ageSeconds === null) return '';
  return fresh.ageSeconds < 1.5 ? 'arrived just now' : `arrived ${duration(fresh.ageSeconds)} ago`;
}

function showEdgeCounts(live: LiveMessage, fresh: Freshness): void {
  const isCut = fresh.kind === 'cut';
  const waiting = live.edges.reduce((sum, edge) => sum + edge.queued, 0);
  setText(byId('edges-live'), edgesTile(live, isCut));
  setText(
    byId('edges-note'),
    live.edgeCount === 0 ? 'no edge has reported yet' : `${isCut ? 'before the cut: ' : ''}outbox depth ${counted(waiting, 'part')}`,
  );
}
