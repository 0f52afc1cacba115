/** One row per edge: is it heard, and how much waits in its outbox. */
import type { EdgeReply, LiveMessage } from '../../../server/api/api-types.ts';
import { NO_VALUE } from '../../format.ts';
import { shortHousehold } from '../../live/alert-words.ts';
import { liveStore, tickStore } from '../../live/live.ts';
import { parkedTold, told } from '../../live/told.ts';
import { DataTable, type Row } from '../../shell/data-table.tsx';
import { Health } from '../../shell/health.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { useStore } from '../../shell/store.ts';
import { toldCell } from '../../shell/told-text.tsx';

export function EdgesCard() {
  const locale = useLocale();
  const { t } = locale;
  const { live, arrivedMs } = useStore(liveStore);
  const nowMs = useStore(tickStore);
  const titles = [t('overview.edge'), t('overview.edgeState'), t('overview.heartbeat'), t('overview.outboxDepth')];
  const columns = [...titles, t('overview.oldest'), t('overview.households'), t('overview.remarks')].map((title) => ({ title }));
  // Heartbeats are as old as the message said, and as much more as it has been here.
  const cloudNowMs = live === null ? 0 : Date.parse(live.sentAt) + Math.max(0, nowMs - arrivedMs);
  return (
    <section class="card" aria-labelledby="edges-title">
      <div class="card-head">
        <div>
          <h2 id="edges-title">{t('overview.edgesTitle')}</h2>
          <p class="lead">{t('overview.edgesLead')}</p>
        </div>
      </div>
      <DataTable
        id="edges-table"
        class="edge-figures"
        columns={columns}
        caption={live === null ? '' : caption(live, locale)}
        rows={(live?.edges ?? []).map((edge) => ({ key: edge.edge, state: edge.health, cells: cells(edge, cloudNowMs, locale) }))}
      />
    </section>
  );
}

/** Empty where the heading says enough. */
function caption({ edges, edgeCount }: LiveMessage, { t }: Locale): string {
  if (edgeCount === 0) return t('overview.edgesNone');
  return edges.length < edgeCount ? t('overview.edgesSome', { some: edges.length, all: edgeCount }) : '';
}

function cells(edge: EdgeReply, cloudNowMs: number, locale: Locale) {
  const { t, f } = locale;
  const heard = edge.lastHeartbeatAt;
  const link = <a href={addressOf(`/fleet/${encodeURIComponent(edge.edge)}`)}>{edge.edge}</a>;
  return [
    { text: edge.edge, content: link },
    { text: edge.health, content: <Health health={edge.health} /> },
    heard === null ? t('overview.noHeartbeat') : t('overview.ago', { age: f.duration((cloudNowMs - Date.parse(heard)) / 1_000) }),
    t('overview.parts', { n: edge.queued }),
    edge.oldestUnackedAt === null ? NO_VALUE : f.dateTime(Date.parse(edge.oldestUnackedAt)),
    f.number(edge.households),
    remarks(edge, locale),
  ];
}

/** The reason comes last: it may be English. */
function remarks(edge: EdgeReply, { t }: Locale): Row['cells'][number] {
  const words: string[] = [];
  if (edge.outboxFull) words.push(t('overview.outboxFull'));
  if (edge.replayFinished) words.push(t('overview.replayFinished'));
  if (edge.waitingCount > 0) words.push(t('overview.waitsFor', { n: edge.waitingCount }));
  const [first] = edge.parked;
  if (first === undefined) return words.length === 0 ? NO_VALUE : words.join('; ');
  const { household, reason, figure } = first;
  const values = { n: edge.parkedCount, first: shortHousehold(household) };
  const parked = told(t, 'overview.parkedAt', values, '', parkedTold(t, reason, figure));
  return toldCell({ ...parked, text: [...words, parked.text].join('; ') });
}
