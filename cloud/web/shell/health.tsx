/** How an edge is doing, in a word and a mark: never by colour alone. */
import type { EdgeReply } from '../../server/api/api-types.ts';
import { useFreshness } from '../live/use-freshness.ts';
import { useLocale } from './locale.ts';

export function Health({ health }: { health: EdgeReply['health'] }) {
  const { t } = useLocale();
  const isCut = useFreshness().kind === 'cut';
  const state = t(`health.${health}`);
  return (
    <span class="health" data-health={health}>
      <span class="dot" aria-hidden="true" />
      {isCut ? t('health.beforeCut', { state }) : state}
    </span>
  );
}
