/** Names the series of a link that nobody measures, so that an empty line is no riddle. */
import { useLocale } from '../../shell/locale.ts';
import type { ExploreTable } from './explore-table.ts';
import type { LabelOf } from './series-label.ts';

/** Named in the sentence; the chips have all. */
const NAMED_MAX = 5;

export function NotStored({ table, label }: { table: ExploreTable; label: LabelOf }) {
  const { t } = useLocale();
  const unknown = table.series.filter(({ isUnknown }) => isUnknown).map(({ ref }) => label(ref));
  if (unknown.length === 0) return null;
  const names = [...unknown.slice(0, NAMED_MAX), ...(unknown.length > NAMED_MAX ? [`+ ${unknown.length - NAMED_MAX}`] : [])].join(', ');
  return unknown.length === table.series.length ? (
    <div class="empty" role="alert">
      {t('explore.noneStored', { names })}
    </div>
  ) : (
    <p class="refusal" role="status">
      {t('explore.notStored', { names })}
    </p>
  );
}
