/** For screen readers: the main figure in words, at most every 10 s, and what a button just did. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { liveStore } from '../live/live.ts';
import { nowMs } from '../page-clock.ts';
import { saidStore } from './clipboard.ts';
import { useLocale } from './locale.ts';
import { useStore } from './store.ts';

const ANNOUNCE_EVERY_MS = 10_000;

export function Announcer() {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const said = useStore(saidStore);
  const [words, setWords] = useState('');
  const spokeMs = useRef(-Infinity);
  useEffect(() => {
    if (live === null || live.totalPowerW === null || nowMs() - spokeMs.current < ANNOUNCE_EVERY_MS) return;
    spokeMs.current = nowMs();
    setWords(t('live.announce', { power: f.power(live.totalPowerW), current: live.current, households: live.households }));
  }, [live]);
  return (
    <>
      <p class="hidden" aria-live="polite" id="announcer">
        {words}
      </p>
      <p class="said" role="status" id="said" data-empty={said === ''}>
        {said}
      </p>
    </>
  );
}
