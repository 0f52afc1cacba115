/** `fogline cloud`: receiver, series store, API and page, until told to stop. */
import { MS_PER_HOUR } from '../../common/units.ts';
import { printEvent } from '../../common/child-events.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { type Config, processEnvironment } from '../../common/config.ts';
import { stoppedExitCode } from '../../common/errors.ts';
import { isoTime } from '../../common/iso-time.ts';
import { type Logger, openLogger } from '../../common/logger.ts';
import { Metrics } from '../../common/metrics.ts';
import { randomId } from '../../common/random.ts';
import { ServiceManager } from '../../common/service-manager.ts';
import { Front } from './front.ts';
import { keepHeapSmall } from './heap-pace.ts';
import { openLinkGuard } from './link-guard.ts';
import { Liveness } from './liveness.ts';
import { UNSTORED_WINDOWS } from './outage-rules.ts';
import { ReconnectSpread } from './reconnect-spread.ts';
import { Receiver } from './receiver.ts';
import { Registry } from './registry.ts';
import { openRetention } from './retention.ts';
import type { Latest } from './storage/latest.ts';
import { MemoryLatest } from './storage/memory-latest.ts';
import { RedisLatest, type RedisLatestOptions } from './storage/redis-latest.ts';
import type { DamagedRecord } from './storage/household-mender.ts';
import type { DamagedPart } from './storage/part-seals.ts';
import { StateLock } from './storage/state-lock.ts';
import { SqliteSeriesStore, type SqliteSeriesStoreOptions } from './storage/sqlite-series-store.ts';

export async function main({ config, stateDir, json, signal }: CommandOptions): Promise<number> {
  const logger = openLogger('cloud', processEnvironment().logLevel);
  const clock = systemClock;
  const manager = new ServiceManager(processEnvironment().manager, clock, logger);
  const windowMs = config.edge.window_seconds * 1_000;
  const metrics = openMetrics();
  const lock = new StateLock({ stateDir, isShared: config.redis.url !== '', clock });
  const registry = openRegistry(config);
  const store = new SqliteSeriesStore({ stateDir, windowMs, postalCodes: registry, clock, ...told(metrics, logger) });
  const startId = randomId();
  const latest = openLatest(config, {
    processId: startId,
    storeId: () => store.id,
    newest: () => store.newest(),
    clock,
    logger,
    metrics,
    onTrouble: (message, hint) => json && printEvent({ event: 'warning', part: 'cloud', message, hint }),
  });
  const silentAfterMs = config.cloud.silent_after_seconds * 1_000;
  const liveness = new Liveness({ clock, logger, metrics, silentAfterMs, unstoredAfterMs: UNSTORED_WINDOWS * windowMs });
  const guard = openLinkGuard(config, clock, logger, metrics);
  const receiver = new Receiver({
    store,
    latest,
    clock,
    logger,
    startId,
    site: config.link.site,
    spreadMs: openSpread(config, clock, liveness),
    legacy: config.link.legacy,
    onHeartbeat: (edge, status, atMs, sentMs) => liveness.seen(edge, status, atMs, sentMs),
    onTaken: (edge, taken) => liveness.facts.taken(edge, taken),
    postalCodeOf: (household) => registry.assign(household).postalCode,
    ...guard,
  });
  receiver.register(metrics);
  const [heartbeatServer, dataServer] = [guard.listen(config.link.heartbeat_port), guard.listen(config.link.data_port)];
  const intervalMsOf = (household: string) => registry.intervalMs(household) ?? windowMs;
  const retention = openRetention(config, { store, windowMs, clock, logger, metrics });
  const front = new Front({ config, stateDir, json, store, latest, liveness, metrics, clock, logger, windowMs, intervalMsOf });
  try {
    const { isAlone } = await lock.take();
    guard.trust?.start();
    await store.start();
    await latest.start();
    latest.put(await store.newest());
    liveness.start();
    retention.start();
    liveness.expect(await store.edges());
    await front.start(isAlone);
    const heartbeatPort = await heartbeatServer.start(receiver.handleHeartbeat);
    const dataPort = await dataServer.start(receiver.handle);
    lock.note(front.tellReady(heartbeatPort, dataPort));
    manager.ready(signal);
    keepHeapSmall();
    await untilAborted(signal);
  } finally {
    await Promise.allSettled([heartbeatServer.stop(), dataServer.stop(), front.stop()]);
    await receiver.idle();
    guard.trust?.stop();
    liveness.stop();
    await retention.stop();
    await latest.stop();
    await store.stop();
    lock.release();
  }
  return stoppedExitCode(signal.reason, false);
}

function openMetrics(): Metrics {
  const metrics = new Metrics();
  metrics.addProcess();
  return metrics;
}

function openRegistry({ cloud }: Config): Registry {
  const registry = new Registry(cloud.households_file);
  registry.start();
  return registry;
}

/** Over how long edges come back: as the settings say, else as it is reckoned. */
function openSpread({ cloud }: Config, clock: Clock, liveness: Liveness): (edge: string) => number {
  const { reconnect_spread_seconds: given } = cloud;
  if (given !== null) return () => given * 1_000;
  const spread = new ReconnectSpread(clock, liveness);
  return (edge) => spread.msFor(edge);
}

/** What the store finds of itself. */
function told(metrics: Metrics, logger: Logger): Pick<SqliteSeriesStoreOptions, 'onDamaged' | 'onRecordDamaged' | 'readingThread'> {
  const readingThread = { onDied: toldOfDeaths(metrics, logger) };
  return { onDamaged: toldOfDamage(metrics, logger), onRecordDamaged: toldOfRecords(metrics, logger), readingThread };
}

/** Damage in the store is counted, and told once for each part; alert-rules.ts makes an alert of it. */
function toldOfDamage(metrics: Metrics, logger: Logger): (part: DamagedPart) => void {
  const parts = metrics.counter('fogline_store_damaged_parts_total', 'Stored parts whose checksum was found not to hold, each once.');
  return ({ startMs, ...part }) => {
    parts.add(1);
    logger.error({ ...part, window: isoTime(startMs) }, 'part damaged: its checksum does not hold; fogline audit names all such windows');
  };
}

/** What it was reading has failed and says so to who asked; the next question starts it again. */
function toldOfDeaths(metrics: Metrics, logger: Logger): (cause: Error) => void {
  const deaths = metrics.counter('fogline_store_reading_thread_deaths_total', 'Times that the thread which reads long answers has died.');
  return (cause) => {
    deaths.add(1);
    logger.error({ cause: cause.message }, 'the reading thread has died; the next question starts it again');
  };
}

/** By table and by what became of it: `mended` from what is not damaged, `refused` until a person puts a backup in place. */
function toldOfRecords(metrics: Metrics, logger: Logger): (record: DamagedRecord) => void {
  const help = 'Rows of the store beside the parts whose checksum was found not to hold, each once.';
  const records = metrics.counter('fogline_store_damaged_records_total', help, ['table', 'outcome']);
  return ({ table, outcome, household, what }) => {
    records.add(1, { table, outcome });
    if (outcome === 'mended') logger.warn({ household, table, what }, 'record damaged: set aside, and mended');
    else logger.error({ household, table, what }, 'record damaged: it can not be mended; fogline audit, and a backup of series.db');
  };
}

/** In this process's memory alone, or shared through Redis. */
function openLatest({ redis }: Config, parts: Omit<RedisLatestOptions, 'url' | 'password' | 'caFile' | 'keyPrefix' | 'expireMs'>): Latest {
  const { url, password, ca_file: caFile, key_prefix: keyPrefix, expire_hours: expireHours } = redis;
  if (url === '') return new MemoryLatest(parts.clock);
  return new RedisLatest({ ...parts, url, password, caFile, keyPrefix, expireMs: expireHours * MS_PER_HOUR });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
