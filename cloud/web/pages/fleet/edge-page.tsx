/** One edge: what is known of it, what waits in its outbox, when it was away, its households, and what to do. */
import type { AvailabilityReply, EdgeDetailReply, EdgeReply } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { NO_VALUE } from '../../format.ts';
import { liveStore } from '../../live/live.ts';
import { AlertsCard } from '../../shell/alerts-card.tsx';
import { type Fact, FactList } from '../../shell/fact-list.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { PageTitle } from '../../shell/page-title.tsx';
import { addressOf } from '../../shell/place.ts';
import { useStore } from '../../shell/store.ts';
import { AvailabilityRow, BarLegend } from './availability.tsx';
import { agoWords, outboxWords, skewWords } from './edges-table.tsx';
import { Health } from '../../shell/health.tsx';
import { HouseholdsCard } from './households-card.tsx';
import { OutagesCard } from './outages-card.tsx';
import { OutboxCourse } from './outbox-course.tsx';
import { useAsked } from '../../data/use-asked.ts';
import { useCloudNow } from '../../live/cloud-now.ts';
import { useWallSpan, WallSpanChoice } from './wall-span.tsx';

export function EdgePage({ id }: { id: string }) {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const { value, failure, retry } = useAsked<EdgeDetailReply>(`/api/v1/edges/${encodeURIComponent(id)}`);
  const edge = live?.edges.find((its) => its.edge === id) ?? value?.edge;
  return (
    <>
      <PageTitle text={id}>
        {edge !== undefined && <Health health={edge.health} />}
        <a href={addressOf('/fleet')}>{t('fleet.back')}</a>
        <p class="lead">{t('fleet.lead', { zone: f.zone })}</p>
        {edge !== undefined && <WallSpanChoice />}
      </PageTitle>
      {failure !== undefined && value === undefined && <Failure failure={failure} retry={retry} />}
      {edge === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {edge !== undefined && (
        <>
          <AlertsCard about={new Set([id, ...(value?.owned ?? [])])} />
          <Facts edge={edge} detail={value} />
          <OutboxCourse edge={id} />
          <OutagesCard edge={id} />
          {value !== undefined && <HouseholdsCard edge={edge} detail={value} />}
        </>
      )}
    </>
  );
}

function Facts({ edge, detail }: { edge: EdgeReply; detail: EdgeDetailReply | undefined }) {
  const locale = useLocale();
  const { t } = locale;
  const span = useWallSpan();
  const { value } = useAsked<AvailabilityReply>(`/api/v1/availability?from=now-${span}&edge=${encodeURIComponent(edge.edge)}`);
  const availability = value?.edges.find((its) => its.edge === edge.edge);
  const todo = edge.parkedCount > 0 && edge.health !== 'offline' ? 'parked' : edge.health;
  const facts = factsOf(edge, detail, useCloudNow(), locale);
  return (
    <section class="card" aria-labelledby="facts-title">
      <div class="card-head">
        <div>
          <h2 id="facts-title">{t('fleet.facts')}</h2>
        </div>
        <BarLegend />
      </div>
      {value !== undefined && availability !== undefined && (
        <div class="availability edge-figures">
          <AvailabilityRow availability={availability} reply={value} />
        </div>
      )}
      <FactList class="edge-facts edge-figures" id="facts" facts={facts} />
      <div class="todo" data-health={edge.health}>
        <h3>{t('fleet.todo')}</h3>
        <p>{t(`fleet.todo.${todo}`)}</p>
      </div>
    </section>
  );
}

function factsOf(edge: EdgeReply, detail: EdgeDetailReply | undefined, cloudNowMs: number, locale: Locale): Fact[] {
  const { t, f } = locale;
  const when = (at: string | null) => (at === null ? NO_VALUE : f.dateTime(Date.parse(at)));
  return [
    { name: t('fleet.firstSeen'), content: when(edge.firstSeenAt) },
    { name: t('fleet.lastConnect'), content: when(edge.lastConnectAt) },
    { name: t('fleet.lastDisconnect'), content: when(edge.lastDisconnectAt) },
    { name: t('fleet.seen'), content: agoWords(edge.lastActivityAt, cloudNowMs, locale) },
    { name: t('fleet.ack'), content: agoWords(edge.lastAckAt, cloudNowMs, locale) },
    { name: t('fleet.silentAfter'), content: f.duration(detail?.silentAfterSeconds ?? null) },
    { name: t('fleet.connects'), content: t('fleet.times', { n: edge.connects }) },
    { name: t('fleet.outbox'), content: outboxWords(edge, locale) },
    { name: t('fleet.oldest'), content: f.duration(edge.outboxAgeSeconds) },
    { name: t('fleet.throughput'), content: t('fleet.parts', { n: edge.storedPerMinute }) },
    { name: t('fleet.stored'), content: t('fleet.parts', { n: edge.storedParts }) },
    { name: t('fleet.duplicates'), content: t('fleet.parts', { n: edge.duplicateParts }) },
    { name: t('fleet.refused'), content: t('fleet.rows', { n: edge.refusedRows }) },
    { name: t('fleet.missing'), content: f.number(edge.windowsMissing) },
    { name: t('fleet.declared'), content: t('fleet.readings', { n: edge.declaredReadings }) },
    { name: t('fleet.droppedEarly'), content: t('fleet.rows', { n: edge.droppedEarly }) },
    { name: t('fleet.damage'), content: f.number(edge.outboxDamage) },
    { name: t('fleet.topicDamage'), content: f.number(edge.topicDamage) },
    { name: t('fleet.leftOut'), content: f.number(edge.namesLeftOut) },
    { name: t('fleet.skew'), content: skewWords(edge.clockSkewSeconds, locale) },
    { name: t('fleet.version'), content: edge.version ?? NO_VALUE },
  ];
}
