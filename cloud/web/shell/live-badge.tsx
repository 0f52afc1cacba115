/** Whether the figures are live, and the button that makes them stand still. */
import { pausedStore, togglePause } from '../live/live.ts';
import { useBadge } from '../live/use-freshness.ts';
import { Icon } from './icons.tsx';
import { useLocale } from './locale.ts';
import { useStore } from './store.ts';

export function LiveBadge() {
  const { t } = useLocale();
  const badge = useBadge();
  const isPaused = useStore(pausedStore);
  const words = t(isPaused ? 'live.resume' : 'live.pause');
  return (
    <div class="live" data-badge={badge}>
      <span class="chip status" id="status" role="status" aria-live="polite">
        <span class="dot" aria-hidden="true" />
        <span id="status-text">{t(`live.${badge}`)}</span>
      </span>
      <button type="button" class="quiet" id="pause" aria-pressed={isPaused} aria-label={words} title={words} onClick={togglePause}>
        <Icon name={isPaused ? 'play' : 'pause'} />
      </button>
    </div>
  );
}
