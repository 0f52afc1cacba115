/** The badge, the notice above the figures, and the panel that stands in for the chart before the first window. */
import { counted, duration } from '../format.ts';
import type { Freshness } from '../page-state.ts';
import { byId, setHidden, setText } from './elements.ts';

export function showStatus(fresh: Freshness): void {
  const { kind } = fresh;
  const isStale = kind === 'stale' || (kind === 'cut' && fresh.stale);
  document.body.dataset['freshness'] = kind;
  document.body.dataset['stale'] = String(isStale);
  setText(byId('status-text'), badge(fresh));
  const notice = noticeOf(fresh);
  setHidden(byId('notice'), notice === '');
  setText(byId('notice'), notice);
  const [title, note] = waiting(fresh);
  setText(byId('waiting-title'), title);
  setText(byId('waiting-note'), note);
}

function badge(fresh: Freshness): string {
  switch (fresh.kind) {
    case 'connecting':
      return 'connecting';
    case 'waiting':
      return 'waiting';
    case 'live':
      return 'live';
    case 'stale':
      return 'stale';
    case 'cut':
      return 'reconnecting';
    case 'finished':
      return 'replay finished';
  }
}

function noticeOf(fresh: Freshness): string {
  switch (fresh.kind) {
    case 'stale':
      return `No new data for ${duration(fresh.ageSeconds)}. The figures below are the last ones known.`;
    case 'cut': {
      const age = fresh.ageSeconds === null ? '' : ` No new data for ${duration(fresh.ageSeconds)}.`;
      return `The connection to the cloud is cut; trying again.${age}`;
    }
    case 'finished':
      return `The replay is finished: all its readings are in.${parked(fresh.parked)}`;
    default:
      return '';
  }
}

function parked(households: number): string {
  if (households === 0) return '';
  return ` ${counted(households, 'household')} ${households === 1 ? 'is' : 'are'} parked and left out, see the edges below.`;
}

function waiting(fresh: Freshness): [title: string, note: string] {
  switch (fresh.kind) {
    case 'connecting':
      return ['Connecting to the cloud', 'The figures appear by themselves.'];
    case 'cut':
      return ['No connection to the cloud', 'Trying again every few seconds.'];
    case 'waiting':
      if (fresh.firstWindowInSeconds !== null) {
        return [`First window in ${fresh.firstWindowInSeconds} s`, 'Readings are arriving; a window is sent when its time is over.'];
      }
      if (fresh.edges === 0) return ['Waiting for an edge', 'No edge server has reported to this cloud yet.'];
      return ['Waiting for the first reading', `${counted(fresh.edges, 'edge')} reported, but no reading has come in yet.`];
    default:
      return ['', ''];
  }
}
