/** What is wrong with the figures below as a whole; nothing while they are live. */
import { useLayoutEffect } from 'preact/hooks';
import { pausedStore } from '../live/live.ts';
import type { Freshness } from '../live/page-state.ts';
import { useBadge, useFreshness } from '../live/use-freshness.ts';
import { useLocale, type Locale } from './locale.ts';
import { useStore } from './store.ts';

export function Notice() {
  const locale = useLocale();
  const fresh = useFreshness();
  const badge = useBadge();
  const isPaused = useStore(pausedStore);
  useLayoutEffect(() => {
    const isStale = fresh.kind === 'stale' || (fresh.kind === 'cut' && fresh.stale);
    document.body.dataset['freshness'] = fresh.kind;
    document.body.dataset['stale'] = String(isStale);
  });
  const words = [wordsOf(fresh, locale), isPaused && badge === 'paused' ? locale.t('live.noticePaused') : ''].filter((text) => text !== '');
  if (words.length === 0) return null;
  return (
    <p class="notice" id="notice">
      {words.join(' ')}
    </p>
  );
}

function wordsOf(fresh: Freshness, { t, f }: Locale): string {
  switch (fresh.kind) {
    case 'stale':
      return t('live.noticeStale', { age: f.duration(fresh.ageSeconds) });
    case 'cut': {
      const age = fresh.ageSeconds === null ? '' : ` ${t('live.noticeAge', { age: f.duration(fresh.ageSeconds) })}`;
      return t('live.noticeCut') + age;
    }
    case 'finished': {
      const parked = fresh.parked === 0 ? '' : ` ${t('live.parked', { n: fresh.parked })}`;
      return t('live.noticeFinished') + parked;
    }
    default:
      return '';
  }
}
