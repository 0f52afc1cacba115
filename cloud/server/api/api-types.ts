/** Shapes of the HTTP API, shared with the web page (types only). Times are ISO-8601 with Z. */

/** GET /api/v1/states: one row for each of the 16 states, also those without a household. */
export interface StateRow {
  /** ISO 3166-2, e.g. DE-BB. */
  state: string;
  name: string;
  households: number;
  /** Null where the state has no household with a window. */
  meanW: number | null;
  /** Sum over households of mean W × 8.76, divided by households: a typical household's year. */
  annualKwh: number | null;
  annualEur: number | null;
  /** Hours of windows the mean is made of, averaged over the households. */
  coveredHours: number;
  /** True below one hour of data: show "~". */
  rough: boolean;
}

export interface StatesReply {
  states: StateRow[];
  priceEurPerKwh: number;
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
  /** Newest window mean of `power`, all devices of the household added. */
  powerW: number | null;
}

/** GET /api/v1/households/:id/windows?field&from&to&resolution&limit&cursor */
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

export interface WindowsReply {
  windows: WindowRow[];
  /** Give it back as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
}

export interface EdgeReply {
  edge: string;
  /** silent: no heartbeat for longer than expected. */
  state: 'live' | 'silent';
  lastHeartbeatAt: string;
  queued: number;
  oldestUnackedAt: string | null;
  households: number;
  parked: { household: string; reason: string }[];
  waitingFor: string[];
  /** True when every run the edge knows is done. */
  replayFinished: boolean;
}

/** Data of each server-sent event `live` on /api/v1/stream; `edge` events carry an EdgeReply. */
export interface LiveMessage {
  /** Sum of the newest power windows of all households. */
  totalPowerW: number | null;
  households: number;
  /** Event time of the newest window's end. */
  newestAt: string | null;
  edges: EdgeReply[];
  dataLabel: string;
  /** Cloud time when this was made; the page judges staleness by its own arrival clock. */
  sentAt: string;
  /** Seconds until the first window can be there, null when there is one or when it can't be told. */
  firstWindowInSeconds: number | null;
  /** Changed state rows, all of them in the first message. */
  states: StateRow[];
}
