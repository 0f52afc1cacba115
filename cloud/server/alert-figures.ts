/** The figures that alerts are made of: edges by their heartbeats, households by what is expected of them, the cloud by its counts. */
import { MS_PER_DAY, MS_PER_SECOND } from '../../common/units.ts';
import type { Metrics } from '../../common/metrics.ts';
import { type Detail, detail } from './alert-details.ts';
import { CERTIFICATE_ENDING_MS, EDGE_CERTIFICATE_ENDING_MS, type Figure, GROWTH_OVER_MS } from './alert-rules.ts';
import type { Owing } from './expectation.ts';
import { Growth } from './growth.ts';
import type { KnownEdge } from './liveness.ts';

/** Fewer rows than this tell nothing of a share. */
export const ROWS_FOR_A_SHARE = 1_000;
const GROWTH_OVER_MIN = GROWTH_OVER_MS / 60_000;

/** Metrics whose growth is an alert; one that nobody has registered makes none. */
const GROWING = [
  ['rows-refused', 'fogline_rows_refused_total', { verdict: ['conflict', 'rejected'] }, 'rows-lately'],
  ['owner-refused', 'fogline_rows_refused_total', { verdict: ['not_owner'] }, 'rows-lately'],
  ['peers-refused', 'fogline_link_refused_total', {}, 'refusals-lately'],
  ['requests-unusable', 'fogline_cloud_rows', { outcome: ['unusable'] }, 'requests-lately'],
  ['gaps-declared', 'fogline_readings_declared_total', {}, 'readings-lately'],
] as const;

/** Of an edge's report, those whose growth is an alert. */
const EDGE_TOTALS = ['unreadable', 'trimmedEarly'] as const;
type EdgeTotal = (typeof EDGE_TOTALS)[number];

export interface Observed {
  edges: readonly KnownEdge[];
  owing: readonly Owing[];
  /** Edge by household. */
  owners: ReadonlyMap<string, string>;
  windowMs: number;
}

export class AlertFigures {
  private readonly metrics: Metrics;
  private readonly growth = new Growth(GROWTH_OVER_MS);
  private readonly edgeGrowth = new Growth(GROWTH_OVER_MS);

  constructor(metrics: Metrics) {
    this.metrics = metrics;
  }

  async gather(observed: Observed, nowMs: number): Promise<Figure[]> {
    const edges = observed.edges.flatMap((edge) => this.ofEdge(edge, observed.windowMs, nowMs));
    this.edgeGrowth.keepOnly(new Set(observed.edges.flatMap(({ edge }) => EDGE_TOTALS.map((total) => nameOf(edge, total)))));
    return [...edges, ...(await this.certificates(observed)), ...householdFigures(observed), ...(await this.ofCloud(nowMs))];
  }

  private ofEdge({ edge, state, lastHeartbeatMs, report }: KnownEdge, windowMs: number, nowMs: number): Figure[] {
    const isHeard = state === 'live' && lastHeartbeatMs !== null;
    /** Of a silent edge nobody knows more than that. */
    const said = (alert: Figure['alert'], value: number, inWords: Detail): Figure => ({
      alert,
      subject: edge,
      value: isHeard ? value : null,
      detail: inWords,
    });
    const { newestMs, oldestUnackedMs, outboxParts, households, parkedCount, waitingCount, parked, waitingFor } = report;
    const ageMs = newestMs === null || oldestUnackedMs === null ? 0 : Math.max(0, newestMs - oldestUnackedMs);
    const grown = (total: EdgeTotal) => (isHeard ? this.edgeGrowth.of(nameOf(edge, total), report[total], nowMs) : 0);
    const unreadable = grown('unreadable');
    const trimmed = grown('trimmedEarly');
    const [firstParked] = parked;
    const [firstWaiting] = waitingFor;
    return [
      {
        alert: 'edge-silent',
        subject: edge,
        // Expected since the start and not heard yet: nobody knows.
        value: state === 'silent' ? 1 : isHeard ? 0 : null,
        detail: detail(lastHeartbeatMs === null ? 'not-heard' : 'no-heartbeat'),
      },
      said('outbox-deep', outboxParts / Math.max(1, households), detail('parts-of-households', { n: outboxParts, households })),
      said('outbox-old', ageMs, detail('windows-behind', { n: Math.round(ageMs / windowMs) })),
      said('outbox-full', report.outboxFull ? 1 : 0, detail('parts-wait', { n: outboxParts })),
      said('outbox-trimmed', trimmed, detail('rows-dropped', { n: trimmed })),
      said(
        'household-parked',
        parkedCount,
        firstParked === undefined
          ? detail('parked-unnamed', { n: parkedCount })
          : detail('parked', { n: parkedCount, household: firstParked.household, reason: firstParked.reason }),
      ),
      said(
        'household-waiting',
        waitingCount,
        firstWaiting === undefined
          ? detail('waiting-unnamed', { n: waitingCount })
          : detail('waiting', { n: waitingCount, household: firstWaiting }),
      ),
      said('records-unreadable', unreadable, detail('records-aside', { n: unreadable })),
      said('outbox-damaged', report.damaged, detail('places-damaged', { n: report.damaged })),
      said('topic-damaged', report.topicDamage, detail('topics-aside', { n: report.topicDamage })),
      said('names-left-out', report.leftOut, detail('names-none', { n: report.leftOut })),
    ];
  }

  private async ofCloud(nowMs: number): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const [alert, metric, labels, code] of GROWING) {
      const total = await this.metrics.total(metric, labels);
      if (total === undefined) continue;
      const grown = this.growth.of(alert, total, nowMs);
      figures.push({ alert, subject: '', value: grown, detail: detail(code, { n: grown, minutes: GROWTH_OVER_MIN }) });
    }
    figures.push(...(await this.duplicates(nowMs)));
    const damaged = await this.metrics.total('fogline_store_damaged_parts_total');
    if (damaged !== undefined)
      figures.push({ alert: 'store-damaged', subject: '', value: damaged, detail: detail('parts-damaged', { n: damaged }) });
    const mended = await this.metrics.total('fogline_store_damaged_records_total', { outcome: ['mended'] });
    if (mended !== undefined)
      figures.push({ alert: 'records-mended', subject: '', value: mended, detail: detail('rows-mended', { n: mended }) });
    const refused = await this.metrics.total('fogline_store_damaged_records_total', { outcome: ['refused'] });
    if (refused !== undefined)
      figures.push({ alert: 'records-damaged', subject: '', value: refused, detail: detail('rows-damaged', { n: refused }) });
    const redis = await this.metrics.total('fogline_redis_up');
    if (redis !== undefined)
      figures.push({
        alert: 'redis-down',
        subject: '',
        value: redis === 1 ? 0 : 1,
        detail: detail('redis-alone'),
      });
    return figures;
  }

  /** With TLS. Of an edge that has not connected since the start nobody knows. */
  private async certificates({ edges }: Observed): Promise<Figure[]> {
    const cloud = await this.metrics.total('fogline_link_certificate_seconds');
    const byEdge = await this.metrics.valuesBy('edge', 'fogline_link_edge_certificate_seconds');
    const ending = (alert: Figure['alert'], subject: string, seconds: number | undefined, warningMs: number): Figure => ({
      alert,
      subject,
      value: seconds === undefined ? null : seconds * MS_PER_SECOND < warningMs ? 1 : 0,
      detail: detail('days-left', { n: Math.max(0, Math.floor(((seconds ?? 0) * MS_PER_SECOND) / MS_PER_DAY)) }),
    });
    return [
      ...(cloud === undefined ? [] : [ending('certificate-ending', '', cloud, CERTIFICATE_ENDING_MS)]),
      ...(byEdge === undefined
        ? []
        : edges.map(({ edge }) => ending('edge-certificate-ending', edge, byEdge.get(edge), EDGE_CERTIFICATE_ENDING_MS))),
    ];
  }

  private async duplicates(nowMs: number): Promise<Figure[]> {
    const rows = await this.metrics.total('fogline_cloud_rows', { outcome: ['parts'] });
    const twice = await this.metrics.total('fogline_cloud_rows', { outcome: ['duplicates'] });
    if (rows === undefined || twice === undefined) return [];
    const all = this.growth.of('rows', rows, nowMs);
    const duplicates = this.growth.of('duplicates', twice, nowMs);
    const share = all < ROWS_FOR_A_SHARE ? 0 : duplicates / all;
    return [
      {
        alert: 'duplicates-many',
        subject: '',
        value: share,
        detail: detail('duplicates-lately', { n: duplicates, rows: all, minutes: GROWTH_OVER_MIN }),
      },
    ];
  }
}

function nameOf(edge: string, total: EdgeTotal): string {
  return `${edge} ${total}`;
}

/** An edge that is silent speaks for its households, and one whose replay is done owes nothing. */
function householdFigures({ edges, owing, owners, windowMs }: Observed): Figure[] {
  const byId = new Map(edges.map((edge) => [edge.edge, edge]));
  const figures: Figure[] = [];
  for (const { household, missing, intervalMs, isLate } of owing) {
    const edge = byId.get(owners.get(household) ?? '');
    if (edge === undefined || edge.report.replayFinished) continue;
    const value = edge.state === 'silent' ? null : isLate ? missing : 0;
    const seconds = intervalMs / 1_000;
    const owed = intervalMs > windowMs ? detail('windows-owed-slowly', { n: missing, seconds }) : detail('windows-owed', { n: missing });
    figures.push({ alert: 'household-silent', subject: household, value, detail: owed });
  }
  return figures;
}
