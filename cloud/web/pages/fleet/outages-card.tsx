/** When edges or the cloud were away in the time shown. */
import type { OutagesReply } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { useAsked } from '../../data/use-asked.ts';
import { useLocale } from '../../shell/locale.ts';
import { OutagesTable } from '../../shell/outages-table.tsx';
import { useWallSpan } from './wall-span.tsx';

const OUTAGES_SHOWN = 50;

/** @param edge only those of this edge, and of the cloud */
export function OutagesCard({ edge }: { edge?: string }) {
  const { t } = useLocale();
  const span = useWallSpan();
  const of = edge === undefined ? '' : `&edge=${encodeURIComponent(edge)}`;
  const { value, failure, retry } = useAsked<OutagesReply>(`/api/v1/outages?from=now-${span}&limit=${OUTAGES_SHOWN}${of}`);
  return (
    <section class="card" aria-labelledby="outages-title">
      <div class="card-head">
        <div>
          <h2 id="outages-title">{t('fleet.outages')}</h2>
          <p class="lead">{t('fleet.outagesLead')}</p>
        </div>
      </div>
      {failure !== undefined && value === undefined && <Failure failure={failure} retry={retry} />}
      {value === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {value?.outages.length === 0 && <p class="empty">{t('fleet.outagesNone')}</p>}
      {value !== undefined && value.outages.length > 0 && (
        <OutagesTable
          outages={value.outages}
          caption={value.nextCursor === null ? '' : t('fleet.outagesMore', { n: value.outages.length })}
        />
      )}
    </section>
  );
}
