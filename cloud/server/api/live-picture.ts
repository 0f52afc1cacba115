/** The whole picture that a page shows, at one moment. */
import { isoTime } from '../../../common/iso-time.ts';
import type { ApiParts } from './api-parts.ts';
import type { EdgeReply, LiveMessage } from './api-types.ts';
import { firstWindowInSeconds } from './first-window.ts';

/** Edges in one message: at worst, each with many parked households, a megabyte. */
const EDGES_IN_LIVE_MAX = 100;
/** Alerts in one message: nobody reads more at once, and GET /api/v1/alerts has all. */
const ALERTS_IN_LIVE_MAX = 20;
/** Figures are stale after so many windows without a new one, at the speed of real time … */
const STALE_WINDOWS = 6;
/** … and never earlier than this: between window and page lie a batch, a link and the stream. */
const STALE_MIN_SECONDS = 15;

/** Rejects when the store does. */
export async function livePicture({ overview, liveness, watch, settings, clock }: Omit<ApiParts, 'live'>): Promise<LiveMessage> {
  const alerts = watch.open();
  const figures = await overview.current();
  const edges = liveness.edges();
  const { powerW, current, newestMs } = figures.total;
  return {
    totalPowerW: powerW,
    households: figures.households.size,
    current,
    newestAt: newestMs === null ? null : isoTime(newestMs),
    newestAgeSeconds: newestMs === null ? null : Math.round(overview.quietMs() / 1_000),
    edges: awayFirst(edges).slice(0, EDGES_IN_LIVE_MAX),
    edgeCount: edges.length,
    alerts: alerts.slice(0, ALERTS_IN_LIVE_MAX),
    alertCount: alerts.length,
    dataLabel: settings.dataLabel,
    priceEurPerKwh: settings.priceEurPerKwh,
    sentAt: isoTime(clock.nowMs()),
    staleAfterSeconds: Math.max(STALE_MIN_SECONDS, (STALE_WINDOWS * settings.windowMs) / 1_000),
    firstWindowInSeconds: newestMs === null ? firstWindowInSeconds(liveness.reports(), settings.windowMs, clock.monotonicMs()) : null,
    states: [...figures.states],
  };
}

/** Where not all edges fit, the ones that are left out are online: pages count on it. */
export function awayFirst<E extends Pick<EdgeReply, 'health'>>(edges: readonly E[]): E[] {
  const rank = ({ health }: E) => (health === 'online' ? 2 : health === 'late' ? 1 : 0);
  return [...edges].sort((a, b) => rank(a) - rank(b));
}
