/** The newest outages of the last day, by wall clock; not there while there are none. */
import type { OutagesReply } from '../../../server/api/api-types.ts';
import { useAsked } from '../../data/use-asked.ts';
import { useLocale } from '../../shell/locale.ts';
import { OutagesTable } from '../../shell/outages-table.tsx';
import { addressOf } from '../../shell/place.ts';

const OUTAGES_SHOWN = 5;

export function OutagesCard() {
  const { t } = useLocale();
  // What could not be asked is asked again by itself; the page of the fleet tells of it.
  const { value } = useAsked<OutagesReply>(`/api/v1/outages?from=now-24h&limit=${OUTAGES_SHOWN}`);
  if (value === undefined || value.outages.length === 0) return null;
  return (
    <section class="card" aria-labelledby="outages-title">
      <div class="card-head">
        <div>
          <h2 id="outages-title">{t('fleet.outages')}</h2>
          <p class="lead">{t('overview.outagesLead')}</p>
        </div>
        <a href={addressOf('/fleet')}>{t('overview.outagesLink')}</a>
      </div>
      <OutagesTable outages={value.outages} caption="" />
    </section>
  );
}
