/** `fogline cloud`: receiver, series store, API and page, until told to stop. */
import { MS_PER_HOUR } from '../../common/units.ts';
import { printEvent } from '../../common/child-events.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { type Config, processEnvironment } from '../../common/config.ts';
import { stoppedExitCode } from '../../common/errors.ts';
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
import { StateLock } from './storage/state-lock.ts';
import { SqliteSeriesStore, type SqliteSeriesStoreOptions } from './storage/sqlite-series-store.ts';
import { storeEnd, storeTold } from './store-told.ts';

export async function main({ config, stateDir, json, signal }: CommandOptions): Promise<number> {
  const logger = openLogger('cloud', processEnvironment().logLevel);
  const clock = systemClock;
  const manager = new ServiceManager(processEnvironment().manager, clock, logger);
  const windowMs = config.edge.window_seconds * 1_000;
  const metrics = openMetrics();
  const lock = new StateLock({ stateDir, isShared: config.redis.url !== '', clock });
  const registry = openRegistry(config);
  const options = { stateDir, windowMs, postalCodes: registry, clock, alone: lock.alone };
  const { store, untilUnusable } = openStore(options, manager, metrics, logger);
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
  const [silentAfterMs, unstoredAfterMs] = [config.cloud.silent_after_seconds * 1_000, UNSTORED_WINDOWS * windowMs];
  const liveness = new Liveness({ clock, logger, metrics, silentAfterMs, unstoredAfterMs });
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
    await Promise.race([untilAborted(signal), untilUnusable]);
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

/** `untilUnusable` rejects when nothing can be stored any more, and the next start mends it. */
function openStore(options: SqliteSeriesStoreOptions, manager: ServiceManager, metrics: Metrics, logger: Logger) {
  const { onUnusable, untilUnusable } = storeEnd();
  const told = storeTold(metrics, logger, () => manager.starting());
  return { store: new SqliteSeriesStore({ ...options, onUnusable, ...told }), untilUnusable };
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
