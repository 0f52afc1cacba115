/** One row per edge, those that are away first; live by the stream. */
import type { EdgeReply } from '../../../server/api/api-types.ts';
import { NO_VALUE } from '../../format.ts';
import { liveStore } from '../../live/live.ts';
import { DataTable } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { useStore } from '../../shell/store.ts';
import { Health } from '../../shell/health.tsx';
import { useCloudNow } from '../../live/cloud-now.ts';

export const HEALTHS = ['offline', 'late', 'never', 'online'] as const;

export function EdgesTable() {
  const locale = useLocale();
  const { t } = locale;
  const { live } = useStore(liveStore);
  const cloudNowMs = useCloudNow();
  const edges = [...(live?.edges ?? [])].sort(
    (a, b) => HEALTHS.indexOf(a.health) - HEALTHS.indexOf(b.health) || (a.edge < b.edge ? -1 : 1),
  );
  const numbers = [t('fleet.outbox'), t('fleet.oldest'), t('fleet.throughput'), t('fleet.skew')];
  const columns = [
    ...[t('fleet.edge'), t('fleet.state'), t('fleet.seen'), t('fleet.ack')].map((title) => ({ title })),
    ...numbers.map((title) => ({ title, isNumber: true })),
    { title: t('fleet.version') },
  ];
  const some = live !== null && edges.length < live.edgeCount ? t('fleet.some', { some: edges.length, all: live.edgeCount }) : '';
  return (
    <section class="card" aria-labelledby="fleet-edges-title">
      <div class="card-head">
        <div>
          <h2 id="fleet-edges-title">{t('fleet.edges')}</h2>
          <p class="lead">{t('fleet.edgesLead')}</p>
        </div>
        <Counts edges={edges} />
      </div>
      {live === null && <p class="lead">{t('shell.loading')}</p>}
      {live !== null && edges.length === 0 && <p class="empty">{t('fleet.none')}</p>}
      {edges.length > 0 && (
        <DataTable
          id="fleet-edges"
          class="edge-figures"
          columns={columns}
          caption={some}
          rows={edges.map((edge) => ({ key: edge.edge, state: edge.health, cells: cells(edge, cloudNowMs, locale) }))}
        />
      )}
    </section>
  );
}

function Counts({ edges }: { edges: readonly EdgeReply[] }) {
  const { t, f } = useLocale();
  const counted = HEALTHS.map((health) => ({ health, count: edges.filter((edge) => edge.health === health).length }));
  return (
    <ul class="counts" id="fleet-counts">
      {counted
        .filter(({ health, count }) => count > 0 || health === 'online')
        .map(({ health, count }) => (
          <li key={health} class="health" data-health={health}>
            <span class="dot" aria-hidden="true" />
            {f.number(count)} {t(`health.${health}`)}
          </li>
        ))}
    </ul>
  );
}

function cells(edge: EdgeReply, cloudNowMs: number, locale: Locale) {
  const { f } = locale;
  const link = <a href={addressOf(`/fleet/${encodeURIComponent(edge.edge)}`)}>{edge.edge}</a>;
  return [
    { text: edge.edge, content: link },
    { text: edge.health, content: <Health health={edge.health} /> },
    agoWords(edge.lastActivityAt, cloudNowMs, locale),
    agoWords(edge.lastAckAt, cloudNowMs, locale),
    outboxWords(edge, locale),
    f.duration(edge.outboxAgeSeconds),
    f.number(edge.storedPerMinute),
    skewWords(edge.clockSkewSeconds, locale),
    edge.version ?? NO_VALUE,
  ];
}

/** It has said nothing of its outbox since this cloud started. */
export function outboxWords({ lastHeartbeatAt, queued }: EdgeReply, { t }: Locale): string {
  return lastHeartbeatAt === null ? NO_VALUE : t('fleet.parts', { n: queued });
}

export function agoWords(at: string | null, cloudNowMs: number, { t, f }: Locale): string {
  return at === null ? NO_VALUE : t('fleet.ago', { age: f.duration(Math.max(0, cloudNowMs - Date.parse(at)) / 1_000) });
}

export function skewWords(seconds: number | null, { t, f }: Locale): string {
  return seconds === null ? NO_VALUE : t('fleet.seconds', { seconds: f.number(seconds, 2) });
}
