/** The figures that alerts are made of: edges by their heartbeats, households by what is expected of them, the cloud by its counts. */
import type { Metrics } from '../../common/metrics.ts';
import { type Figure, GROWTH_OVER_MS } from './alert-rules.ts';
import type { Owing } from './expectation.ts';
import { Growth } from './growth.ts';
import type { KnownEdge } from './liveness.ts';

/** Fewer rows than this tell nothing of a share. */
const ROWS_FOR_A_SHARE = 1_000;

/** Metrics whose growth is an alert; one that nobody has registered makes none. */
const GROWING = [
  ['rows-refused', 'fogline_rows_refused_total', { verdict: ['conflict', 'rejected'] }, 'rows'],
  ['owner-refused', 'fogline_rows_refused_total', { verdict: ['not_owner'] }, 'rows'],
  ['peers-refused', 'fogline_link_refused_total', {}, 'refusals'],
  ['requests-unusable', 'fogline_cloud_rows', { outcome: ['unusable'] }, 'requests'],
  ['gaps-declared', 'fogline_readings_declared_total', {}, 'readings'],
] as const;

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

  constructor(metrics: Metrics) {
    this.metrics = metrics;
  }

  async gather(observed: Observed, nowMs: number): Promise<Figure[]> {
    const edges = observed.edges.flatMap((edge) => this.ofEdge(edge, observed.windowMs, nowMs));
    return [...edges, ...householdFigures(observed), ...(await this.ofCloud(nowMs))];
  }

  private ofEdge({ edge, state, lastHeartbeatMs, report }: KnownEdge, windowMs: number, nowMs: number): Figure[] {
    const isHeard = state === 'live' && lastHeartbeatMs !== null;
    /** Of a silent edge nobody knows more than that. */
    const said = (alert: Figure['alert'], value: number, detail: string): Figure => ({
      alert,
      subject: edge,
      value: isHeard ? value : null,
      detail,
    });
    const { newestMs, oldestUnackedMs, outboxParts, households, parkedCount, waitingCount, parked, waitingFor } = report;
    const ageMs = newestMs === null || oldestUnackedMs === null ? 0 : Math.max(0, newestMs - oldestUnackedMs);
    const grown = (name: string, total: number) => (isHeard ? this.growth.of(`${edge} ${name}`, total, nowMs) : 0);
    const unreadable = grown('unreadable', report.unreadable);
    const trimmed = grown('trimmed', report.trimmedEarly);
    const [firstParked] = parked;
    return [
      {
        alert: 'edge-silent',
        subject: edge,
        // Expected since the start and not heard yet: nobody knows.
        value: state === 'silent' ? 1 : isHeard ? 0 : null,
        detail: lastHeartbeatMs === null ? 'not heard since this cloud started' : 'no heartbeat comes any more',
      },
      said('outbox-deep', outboxParts / Math.max(1, households), `${outboxParts} parts of ${households} households`),
      said('outbox-old', ageMs, `the oldest is ${Math.round(ageMs / windowMs)} windows behind the newest reading`),
      said('outbox-full', report.outboxFull ? 1 : 0, `${outboxParts} parts wait`),
      said('outbox-trimmed', trimmed, `${trimmed} rows`),
      said('household-parked', parkedCount, `${parkedCount} parked, ${firstParked?.household}: ${firstParked?.reason}`),
      said('household-waiting', waitingCount, `${waitingCount}, the first is ${waitingFor[0]}`),
      said('records-unreadable', unreadable, `${unreadable} records`),
    ];
  }

  private async ofCloud(nowMs: number): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const [alert, metric, labels, what] of GROWING) {
      const total = await this.metrics.total(metric, labels);
      if (total === undefined) continue;
      const grown = this.growth.of(alert, total, nowMs);
      figures.push({ alert, subject: '', value: grown, detail: `${grown} ${what} in ${GROWTH_OVER_MS / 60_000} min` });
    }
    figures.push(...(await this.duplicates(nowMs)));
    const damaged = await this.metrics.total('fogline_store_damaged_parts_total');
    if (damaged !== undefined)
      figures.push({ alert: 'store-damaged', subject: '', value: damaged, detail: `${damaged} parts whose checksum does not hold` });
    const redis = await this.metrics.total('fogline_redis_up');
    if (redis !== undefined)
      figures.push({
        alert: 'redis-down',
        subject: '',
        value: redis === 1 ? 0 : 1,
        detail: 'the newest windows are in this process alone',
      });
    return figures;
  }

  private async duplicates(nowMs: number): Promise<Figure[]> {
    const rows = await this.metrics.total('fogline_cloud_rows', { outcome: ['parts'] });
    const twice = await this.metrics.total('fogline_cloud_rows', { outcome: ['duplicates'] });
    if (rows === undefined || twice === undefined) return [];
    const all = this.growth.of('rows', rows, nowMs);
    const duplicates = this.growth.of('duplicates', twice, nowMs);
    const share = all < ROWS_FOR_A_SHARE ? 0 : duplicates / all;
    return [
      { alert: 'duplicates-many', subject: '', value: share, detail: `${duplicates} of ${all} rows in ${GROWTH_OVER_MS / 60_000} min` },
    ];
  }
}

/** An edge that is silent speaks for its households, and one whose replay is done owes nothing. */
function householdFigures({ edges, owing, owners }: Observed): Figure[] {
  const byId = new Map(edges.map((edge) => [edge.edge, edge]));
  const figures: Figure[] = [];
  for (const { household, missing, isLate } of owing) {
    const edge = byId.get(owners.get(household) ?? '');
    if (edge === undefined || edge.report.replayFinished) continue;
    const value = edge.state === 'silent' ? null : isLate ? missing : 0;
    figures.push({ alert: 'household-silent', subject: household, value, detail: `${missing} windows expected and not there` });
  }
  return figures;
}
