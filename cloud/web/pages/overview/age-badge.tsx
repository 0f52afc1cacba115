/** How old a live figure is: fresh, late or stale by the one rule of the cloud. */
import { liveStore } from '../../live/live.ts';
import { ageClass } from '../../live/page-state.ts';
import { useFreshness } from '../../live/use-freshness.ts';
import { useLocale } from '../../shell/locale.ts';
import { useStore } from '../../shell/store.ts';

export function AgeBadge() {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const fresh = useFreshness();
  const age = 'ageSeconds' in fresh ? fresh.ageSeconds : null;
  if (live === null || age === null) return null;
  const kind = ageClass(age, live.staleAfterSeconds);
  return (
    <span class="age" data-age={kind} title={t('overview.age', { age: f.duration(age) })}>
      {t(`overview.${kind}`)}
    </span>
  );
}
