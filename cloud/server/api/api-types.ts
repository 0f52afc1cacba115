/** Shapes of the HTTP API, shared with the web page (types only). Times are ISO-8601 with Z. */

/** One of the 16 states, also those without a household. */
export interface StateRow {
  /** ISO 3166-2, e.g. DE-BB. */
  state: string;
  name: string;
  /** Households known in the state. */
  households: number;
  /** Of these, those whose postal code was drawn and not read from households.json: their place is not real. */
  drawn: number;
  /** Households with at least one power window: the figures below are made of these. */
  reporting: number;
  /** Mean of the reporting households' mean power. Null where no household reports; never 0 for "nobody". */
  meanW: number | null;
  /** Sum over reporting households of mean W × 8.76, divided by their number: a typical household's year. */
  annualKwh: number | null;
  annualEur: number | null;
  /** Hours of windows the mean is made of, averaged over the reporting households. */
  coveredHours: number;
  /** True below one hour of data: show "~". */
  rough: boolean;
}

/** GET /api/v1/states */
export interface StatesReply {
  states: StateRow[];
  priceEurPerKwh: number;
  /** How the annual figures are made, in words. */
  extrapolation: string;
  /** Label of the data, e.g. "synthetic"; empty when none. */
  dataLabel: string;
  /** Event time of the newest window end, null before the first window. */
  newestAt: string | null;
}

export interface HouseholdReply {
  household: string;
  postalCode: string;
  postalCodeFrom: 'file' | 'drawn';
  state: string;
  firstAt: string | null;
  lastAt: string | null;
  readings: number;
  declaredMissing: number;
  /** Windows expected and not there, null when nothing is expected of it. */
  windowsMissing: number | null;
  /** Newest window mean of `power`, all devices of the household added. */
  powerW: number | null;
  /** End of that window. Later than `lastAt` while a backlog drains: the newest window is shown before it is stored. */
  powerAt: string | null;
}

/** GET /api/v1/households?state&limit&cursor, in order of household. */
export interface HouseholdsReply {
  households: HouseholdReply[];
  /** Give it back as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
  dataLabel: string;
}

export interface WindowRow {
  device: string;
  field: string;
  windowStart: string;
  mean: number;
  min: number;
  max: number;
  last: number;
  count: number;
}

/** GET /api/v1/households/:id/windows?field&from&to&resolution&limit&cursor, in order of device, field, start. */
export interface WindowsReply {
  windows: WindowRow[];
  /** Give it back as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
  dataLabel: string;
}

/**
 * One or more whole windows missing between two stored windows of a device. What is before its first or after its last window
 * is no gap, and neither is a window with fewer readings than usual. Nothing is filled in: there are no windows in a gap, never zeros.
 */
export interface GapReply {
  device: string;
  /** End of the window before the gap. */
  from: string;
  /** Start of the window after it. */
  to: string;
  seconds: number;
  /** `no readings`, or `declared: …` with the reason, when readings that lie in it were declared missing. */
  reason: string;
  /** Readings declared missing in it. */
  declared: number;
}

/** GET /api/v1/households/:id/gaps?from&to&limit&cursor, in order of device, from; gaps that reach into from ≤ t < to. */
export interface GapsReply {
  gaps: GapReply[];
  /** Give it back as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
  dataLabel: string;
}

export interface EdgeReply {
  edge: string;
  /** silent: no heartbeat for longer than expected. */
  state: 'live' | 'silent';
  /** Null when none came since the cloud server started. */
  lastHeartbeatAt: string | null;
  /** Depth of the outbox: parts not yet acknowledged (`queued` and `sent`). */
  queued: number;
  /** Start of the oldest window not yet acknowledged, event time. */
  oldestUnackedAt: string | null;
  households: number;
  /** Households held back, the first 20 of `parkedCount`. */
  parked: { household: string; reason: string }[];
  parkedCount: number;
  /** Households for which the edge waits until the cloud assigns them, the first 20 of `waitingCount`. */
  waitingFor: string[];
  waitingCount: number;
  outboxFull: boolean;
  /** Topic records it has set aside as unreadable. */
  unreadable: number;
  /** True when every run the edge knows is done. */
  replayFinished: boolean;
}

/** GET /api/v1/edges */
export interface EdgesReply {
  edges: EdgeReply[];
}

/** An alert that is raised now. */
export interface AlertReply {
  /** Name of its rule, e.g. edge-silent. */
  alert: string;
  severity: 'critical' | 'warning';
  /** What `subject` is the id of; for the cloud it is empty. */
  about: 'edge' | 'household' | 'cloud';
  subject: string;
  /** After the subject, a sentence: "is silent". */
  title: string;
  /** The figure in words. */
  detail: string;
  since: string;
  /** What to do, one line. */
  runbook: string;
  /** Where more of it stands in the project. */
  doc: string;
}

/** GET /api/v1/alerts: critical ones first. */
export interface AlertsReply {
  alerts: AlertReply[];
}

/** An alert was raised or cleared. Also the data of each server-sent event `alert`. */
export interface EventReply extends Omit<AlertReply, 'since'> {
  /** Grows with every event. */
  id: number;
  at: string;
  change: 'raised' | 'cleared';
}

/** GET /api/v1/events?limit&cursor: newest first. */
export interface EventsReply {
  events: EventReply[];
  /** Give it back as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
}

/** Data of each server-sent event `live` on /api/v1/stream; `edge` events carry an EdgeReply. */
export interface LiveMessage {
  /** Sum of the newest power windows of all current households; a household silent for minutes is not added. */
  totalPowerW: number | null;
  /** Households known. */
  households: number;
  /** Households in the total: their newest window is no older than 12 windows against the newest of all. */
  current: number;
  /** Event time of the newest window's end. */
  newestAt: string | null;
  /** Seconds since a window newer than all before came in, null before the first; a page opened late can't know it by itself. */
  newestAgeSeconds: number | null;
  /** Silent ones first, then by id; the first 100 of `edgeCount`. */
  edges: EdgeReply[];
  edgeCount: number;
  /** The first 20 of `alertCount` that are raised. */
  alerts: AlertReply[];
  alertCount: number;
  dataLabel: string;
  priceEurPerKwh: number;
  /** Cloud time when this was made; the page judges staleness by its own arrival clock. */
  sentAt: string;
  /** The page calls the figures stale when no newer window came for so long. */
  staleAfterSeconds: number;
  /** Seconds until the first window can be there, null when there is one or when it can't be told. */
  firstWindowInSeconds: number | null;
  /** Changed state rows, all of them in the first message. */
  states: StateRow[];
}

/** One entry of GET /api/data, the shape that older clients of the dashboard read. */
export interface SeedDataRow {
  cityName: string;
  cost: number;
  key: string;
  powerAverage: number;
}

/** Body of every error, application/problem+json (RFC 9457). */
export interface ProblemReply {
  type: string;
  title: string;
  status: number;
  /** What is wrong and how to mend it. */
  detail: string;
  /** The path asked for. */
  instance: string;
  errors?: { parameter: string; detail: string }[];
}
