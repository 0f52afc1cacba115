/**
 * The reading side of a cloud on a free loopback port: the real store in a folder of its own, the real `latest`, liveness and API.
 * What a receiver would take in is put in by `ship` and `heartbeat`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventReply } from '../../cloud/server/alerts.ts';
import { type Api, createApi } from '../../cloud/server/api/http-server.ts';
import type { ApiSettings } from '../../cloud/server/api/api-parts.ts';
import type { Doors } from '../../cloud/server/api/doors.ts';
import { formatRows } from '../../cloud/server/export-rows.ts';
import { Liveness } from '../../cloud/server/liveness.ts';
import { STATE_NAMES } from '../../cloud/server/postal-codes.ts';
import { MemoryLatest } from '../../cloud/server/storage/memory-latest.ts';
import { FleetRecord } from '../../cloud/server/fleet-record.ts';
import type { FleetBatch } from '../../cloud/server/storage/fleet-log.ts';
import { SqliteFleetLog } from '../../cloud/server/storage/sqlite-fleet-log.ts';
import { SqliteEventLog } from '../../cloud/server/storage/sqlite-event-log.ts';
import { SqliteSeriesStore } from '../../cloud/server/storage/sqlite-series-store.ts';
import { Watch } from '../../cloud/server/watch.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import { type Logger, silentLogger } from '../../common/logger.ts';
import type { EdgeStatus, Reading } from '../../common/messages.ts';
import { ROWS_PER_REQUEST_MAX } from '../../common/messages.ts';
import { Metrics } from '../../common/metrics.ts';
import { cutIntoParts } from '../../common/protocol/window.ts';
import { VirtualClock } from './virtual-clock.ts';
import { WatchedStore } from './watched-store.ts';
import { QUIET_EDGE } from './edge-status.ts';

export const WINDOW_MS = 5_000;
/** 2019-12-24T06:00:00Z */
export const T0_MS = 1_577_167_200_000;
/** Longer than a test takes on a slow machine: an edge is silent only where a test asks for it. */
const SILENT_AFTER_MS = 3_600_000;

export interface CloudOptions {
  clock?: Clock;
  logger?: Logger;
  settings?: Partial<ApiSettings>;
  /** State of each household. */
  states: Readonly<Record<string, string>>;
  silentAfterMs?: number;
  /** What an earlier process has kept of the fleet. */
  past?: readonly FleetBatch[];
  /** 0 = any free one. */
  port?: number;
  /** By household; the window unless given. */
  intervalsMs?: Readonly<Record<string, number>>;
  /** Open to this machine unless given. */
  doors?: Partial<Doors>;
}

export interface RunningCloud {
  url: string;
  port: number;
  api: Api;
  store: WatchedStore;
  latest: MemoryLatest;
  liveness: Liveness;
  watch: Watch;
  metrics: Metrics;
  /** Stores values of one household's device, one reading per entry, and tells `latest`, as the receiver does. */
  ship(household: string, entries: readonly { timeMs: number; values: Readonly<Record<string, number>> }[], device?: string): Promise<void>;
  /** `count` windows from `fromMs` with one reading each of this power. */
  shipPower(household: string, powerW: number, count: number, fromMs?: number): Promise<void>;
  heartbeat(edge: string, status?: Partial<EdgeStatus>): void;
  stop(): Promise<void>;
}

export async function runCloud(options: CloudOptions): Promise<RunningCloud> {
  const { clock = systemClock, logger = silentLogger, states } = options;
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-api-'));
  const postalCodes = {
    assign: (household: string) => ({ postalCode: '10115', state: states[household] ?? 'DE-BE', from: 'file' as const }),
  };
  const store = new WatchedStore(new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock }));
  const latest = new MemoryLatest(clock);
  const metrics = new Metrics();
  const liveness = new Liveness({ clock, logger, metrics, silentAfterMs: options.silentAfterMs ?? SILENT_AFTER_MS });
  const settings = { ...SETTINGS, pageDir: join(stateDir, 'no-page'), ...options.settings };
  const doors = { ...OPEN_DOORS, ...options.doors };
  const events = new SqliteEventLog({ stateDir, clock, logger });
  const fleet = new SqliteFleetLog({ stateDir, clock, logger });
  const intervalMsOf = (household: string) => options.intervalsMs?.[household] ?? WINDOW_MS;
  const record = new FleetRecord({ log: fleet, liveness, clock, logger, metrics });
  const watch = new Watch({ store, latest, liveness, log: events, metrics, clock, logger, windowMs: WINDOW_MS, intervalMsOf });
  await store.start();
  await latest.start();
  liveness.start();
  await events.start();
  await fleet.start();
  for (const batch of options.past ?? []) await fleet.write(batch);
  await record.start();
  await watch.start();
  const grpcState = () => 'off' as const;
  const parts = { store, latest, liveness, watch, events, fleet, metrics, doors, grpcState, intervalMsOf, clock, logger };
  const api = createApi({ ...parts, eventReply, settings, stateNames: STATE_NAMES, formatRows });
  const port = await api.start('127.0.0.1', options.port ?? 0);
  const ship = shipper(store, latest, (parts) =>
    liveness.facts.taken('edge-1', { stored: parts, duplicates: 0, refused: 0, declaredReadings: 0 }),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    api,
    store,
    latest,
    liveness,
    watch,
    metrics,
    ship,
    shipPower: (household, power, count, fromMs = T0_MS) =>
      ship(
        household,
        Array.from({ length: count }, (_, i) => ({ timeMs: fromMs + i * WINDOW_MS, values: { power } })),
      ),
    heartbeat: (edge, status = {}) => liveness.seen(edge, { ...QUIET, ...status }, clock.nowMs(), clock.nowMs()),
    async stop() {
      const stopped = api.stop();
      if (clock instanceof VirtualClock) await clock.advance(2_000);
      await stopped;
      await watch.stop();
      await record.stop();
      await fleet.stop();
      liveness.stop();
      await events.stop();
      await latest.stop();
      await store.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

const SETTINGS = { priceEurPerKwh: 0.3, dataLabel: 'synthetic', windowMs: WINDOW_MS, meterUsageHousehold: '' };
const OPEN_DOORS: Doors = {
  demandsToken: false,
  isBehindProxy: false,
  names: [],
  tokens: { idOf: () => undefined, holds: () => false },
};

const QUIET: EdgeStatus = { ...QUIET_EDGE, households: 1 };

function shipper(store: WatchedStore, latest: MemoryLatest, told: (parts: number) => void): RunningCloud['ship'] {
  const owner = { edge: 'edge-1', epoch: 'epoch-1', claim: '1-test', windowMs: WINDOW_MS };
  const generations: Record<string, number> = {};
  /** By household/device. */
  const seqs = new Map<string, number>();
  return async (household, entries, device = 'meter') => {
    if (generations[household] === undefined) {
      const [held] = await store.hello({ ...owner, households: [{ household, generation: 0 }] });
      generations[household] = held?.generation ?? 0;
    }
    const key = `${household}/${device}`;
    let seq = seqs.get(key) ?? 0;
    const readings = entries.map(({ timeMs, values }): Reading => ({ household, device, src: 'src-1', seq: ++seq, timeMs, values }));
    seqs.set(key, seq);
    const rows = cutIntoParts(readings, WINDOW_MS).map((part) => ({ kind: 'part' as const, part }));
    for (let from = 0; from < rows.length; from += ROWS_PER_REQUEST_MAX) {
      const batch = rows.slice(from, from + ROWS_PER_REQUEST_MAX);
      const result = await store.append({ ...owner, startId: 'start-1', generations, rows: batch });
      const refused = result.verdicts.find(({ verdict }) => verdict !== 'stored');
      if (refused !== undefined) throw new Error(`a part of ${key} was not stored but ${JSON.stringify(refused)}`);
      latest.put(result.newest);
      told(batch.length);
    }
  };
}
