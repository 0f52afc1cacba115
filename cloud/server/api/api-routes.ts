/** Every route but files: what the server mounts, and what the document tells of. */
import type { ApiRoute, RouteWords } from './api-route.ts';
import { ALERTS, EVENTS } from './routes/alerts.ts';
import { AVAILABILITY } from './routes/availability.ts';
import { docsRoutes } from './routes/docs.ts';
import { EDGE, EDGES, OUTAGES, OUTBOX } from './routes/edges.ts';
import { EXPORT } from './routes/export.ts';
import { ALL_GAPS, GAPS } from './routes/gaps.ts';
import { DEVICES, HOUSEHOLD, HOUSEHOLDS } from './routes/households.ts';
import { LOGIN_WORDS } from './routes/login.ts';
import { METER_USAGE } from './routes/meter-usage.ts';
import { metaRoute } from './routes/meta.ts';
import { LIVEZ, METRICS, READYZ } from './routes/operations.ts';
import { PAGE_WORDS } from './routes/page.ts';
import { PRICES } from './routes/prices.ts';
import { PROFILE } from './routes/profile.ts';
import { PROTO_ROUTES } from './routes/protos.ts';
import { SEED_DATA } from './routes/seed-data.ts';
import { SERIES } from './routes/series.ts';
import { STATE, STATES } from './routes/states.ts';
import { STREAM } from './routes/stream.ts';
import { WINDOWS } from './routes/windows.ts';

/** Mounted behind the door, in this order. */
export const API_ROUTES: readonly ApiRoute[] = [
  metaRoute(() => API_ROUTES.filter(({ path }) => path.startsWith('/api/'))),
  SERIES,
  STATES,
  STATE,
  HOUSEHOLDS,
  HOUSEHOLD,
  DEVICES,
  PROFILE,
  WINDOWS,
  GAPS,
  ALL_GAPS,
  PRICES,
  EXPORT,
  EDGES,
  EDGE,
  OUTBOX,
  OUTAGES,
  AVAILABILITY,
  ALERTS,
  EVENTS,
  STREAM,
  SEED_DATA,
  METER_USAGE,
  READYZ,
  METRICS,
  ...PROTO_ROUTES,
  ...docsRoutes(() => LISTED),
];

/** All that the document tells of. */
export const LISTED: readonly RouteWords[] = [...API_ROUTES, LIVEZ, ...LOGIN_WORDS, ...PAGE_WORDS];
