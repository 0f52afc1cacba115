/** All edges: their state now, how available they were, and when they or the cloud were away. */
import type { AvailabilityReply } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { AlertsCard } from '../../shell/alerts-card.tsx';
import { useLocale } from '../../shell/locale.ts';
import { PageTitle } from '../../shell/page-title.tsx';
import { AvailabilityRow, BarLegend } from './availability.tsx';
import { EdgesTable } from './edges-table.tsx';
import { OutagesCard } from './outages-card.tsx';
import { useAllPages } from '../../data/use-asked.ts';
import { useWallSpan, WallSpanChoice } from './wall-span.tsx';

export function FleetPage() {
  const { t, f } = useLocale();
  return (
    <>
      <PageTitle text={t('fleet.title')}>
        <p class="lead">{t('fleet.lead', { zone: f.zone })}</p>
        <WallSpanChoice />
      </PageTitle>
      <AlertsCard />
      <EdgesTable />
      <AvailabilityCard />
      <OutagesCard />
    </>
  );
}

function AvailabilityCard() {
  const { t } = useLocale();
  const span = useWallSpan();
  const { value, failure, retry } = useAllPages<AvailabilityReply>(`/api/v1/availability?from=now-${span}`, 'edges');
  return (
    <section class="card" aria-labelledby="availability-title">
      <div class="card-head">
        <div>
          <h2 id="availability-title">{t('fleet.availability')}</h2>
          <p class="lead">{t('fleet.availabilityLead')}</p>
        </div>
        <BarLegend />
      </div>
      {failure !== undefined && value === undefined && <Failure failure={failure} retry={retry} />}
      {value === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {value !== undefined && (
        <div class="availability edge-figures">
          {value.edges.map((edge) => (
            <AvailabilityRow key={edge.edge} availability={edge} reply={value} isLinked />
          ))}
        </div>
      )}
    </section>
  );
}
