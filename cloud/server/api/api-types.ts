/** Shapes of the HTTP API as types, for the server and the web page. What they mean stands in schemas/, which they are inferred from. */
import type { z } from 'zod';
import type { alert, alertEvent, alertsReply, eventsReply } from './schemas/alerts.ts';
import type { edge, edgesReply } from './schemas/edges.ts';
import type { allGapsReply, gap, gapsReply } from './schemas/gaps.ts';
import type { deviceField, devicesReply, household, householdDetailReply, householdsReply } from './schemas/households.ts';
import type { liveMessage, streamGap } from './schemas/live.ts';
import type { metaReply } from './schemas/meta.ts';
import type { availabilityReply, edgeDetailReply, outage, outagesReply, outboxReply } from './schemas/outages.ts';
import type { pricesReply } from './schemas/prices.ts';
import type { problemReply } from './schemas/problem.ts';
import type { profileReply } from './schemas/profile.ts';
import type { seedDataRow } from './schemas/seed-data.ts';
import type { seriesColumns, seriesReply, seriesRow, seriesRowsReply } from './schemas/series.ts';
import type { stateDetailReply, stateRow, statesReply } from './schemas/states.ts';
import type { windowRow, windowsReply } from './schemas/windows.ts';

/** GET /api/v1 */
export type MetaReply = z.infer<typeof metaReply>;

/** One of the 16 states, also those without a household. */
export type StateRow = z.infer<typeof stateRow>;
/** GET /api/v1/states */
export type StatesReply = z.infer<typeof statesReply>;
/** GET /api/v1/states/:code */
export type StateDetailReply = z.infer<typeof stateDetailReply>;

/** One row of the list of households. */
export type HouseholdReply = z.infer<typeof household>;
/** GET /api/v1/households */
export type HouseholdsReply = z.infer<typeof householdsReply>;
/** GET /api/v1/households/:id */
export type HouseholdDetailReply = z.infer<typeof householdDetailReply>;
/** One field of a device, with the reference of its series. */
export type DeviceField = z.infer<typeof deviceField>;
/** GET /api/v1/households/:id/devices */
export type DevicesReply = z.infer<typeof devicesReply>;
/** GET /api/v1/households/:id/profile */
export type ProfileReply = z.infer<typeof profileReply>;

export type WindowRow = z.infer<typeof windowRow>;
/** GET /api/v1/households/:id/windows */
export type WindowsReply = z.infer<typeof windowsReply>;

/** One or more whole windows missing between two stored windows of a device. */
export type GapReply = z.infer<typeof gap>;
/** GET /api/v1/households/:id/gaps */
export type GapsReply = z.infer<typeof gapsReply>;
/** GET /api/v1/gaps */
export type AllGapsReply = z.infer<typeof allGapsReply>;

/** GET /api/v1/series, layout=columns */
export type SeriesReply = z.infer<typeof seriesReply>;
export type SeriesColumns = z.infer<typeof seriesColumns>;
/** GET /api/v1/series, layout=rows */
export type SeriesRowsReply = z.infer<typeof seriesRowsReply>;
/** One bucket of one series; a line of NDJSON. */
export type SeriesRow = z.infer<typeof seriesRow>;

/** One row of the list of edges. */
export type EdgeReply = z.infer<typeof edge>;
/** GET /api/v1/edges */
export type EdgesReply = z.infer<typeof edgesReply>;
/** GET /api/v1/edges/:id */
export type EdgeDetailReply = z.infer<typeof edgeDetailReply>;
export type OutageReply = z.infer<typeof outage>;
/** GET /api/v1/outages */
export type OutagesReply = z.infer<typeof outagesReply>;
/** GET /api/v1/availability */
export type AvailabilityReply = z.infer<typeof availabilityReply>;

/** GET /api/v1/edges/:id/outbox */
export type OutboxReply = z.infer<typeof outboxReply>;

/** GET /api/v1/prices */
export type PricesReply = z.infer<typeof pricesReply>;

/** An alert that is raised now. */
export type AlertReply = z.infer<typeof alert>;
/** Names of the rules and of their figures, for who has words for each. */
export type { AlertKind } from '../alert-rules.ts';
export type { DetailCode } from '../alert-details.ts';
export type { ProblemDetailCode } from './problem-details.ts';
export type { ProblemKind } from './schemas/problem.ts';
export type { OutageDetailCode } from '../outage-details.ts';
export type { ParkedReasonCode } from '../../../common/parked-reason.ts';
/** GET /api/v1/alerts */
export type AlertsReply = z.infer<typeof alertsReply>;
/** An alert was raised or cleared. */
export type EventReply = z.infer<typeof alertEvent>;
/** GET /api/v1/events */
export type EventsReply = z.infer<typeof eventsReply>;

/** Data of each server-sent event `live` on /api/v1/stream. */
export type LiveMessage = z.infer<typeof liveMessage>;
/** Data of each server-sent event `gap`. */
export type StreamGap = z.infer<typeof streamGap>;

/** One entry of GET /api/data. */
export type SeedDataRow = z.infer<typeof seedDataRow>;

/** Body of every error. */
export type ProblemReply = z.infer<typeof problemReply>;
