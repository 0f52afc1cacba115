/** `fogline cloud`: receiver, series store, API and page, until told to stop. */
import { printEvent } from '../../common/child-events.ts';
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { processEnvironment } from '../../common/config.ts';
import { stoppedExitCode } from '../../common/errors.ts';
import { isoTime } from '../../common/iso-time.ts';
import { type Logger, openLogger } from '../../common/logger.ts';
import { Metrics } from '../../common/metrics.ts';
import { randomId } from '../../common/random.ts';
import { Front } from './front.ts';
import { openLinkGuard } from './link-guard.ts';
import { Liveness } from './liveness.ts';
import { ReconnectSpread } from './reconnect-spread.ts';
import { Receiver } from './receiver.ts';
import { Registry } from './registry.ts';
import type { Latest } from './storage/latest.ts';
import { MemoryLatest } from './storage/memory-latest.ts';
import { RedisLatest, type RedisLatestOptions } from './storage/redis-latest.ts';
import type { DamagedPart } from './storage/part-seals.ts';
import { SqliteSeriesStore } from './storage/sqlite-series-store.ts';

export async function main({ config, stateDir, json, signal }: CommandOptions): Promise<number> {
  const logger = openLogger('cloud', processEnvironment().logLevel);
  const clock = systemClock;
  const windowMs = config.edge.window_seconds * 1_000;
  const metrics = new Metrics();
  metrics.addProcess();
  const registry = new Registry(config.cloud.households_file);
  registry.start();
  const onDamaged = toldOfDamage(metrics, logger);
  const store = new SqliteSeriesStore({ stateDir, windowMs, postalCodes: registry, clock, onDamaged });
  const startId = randomId();
  const latest = openLatest({
    url: config.redis.url,
    caFile: config.redis.ca_file,
    keyPrefix: config.redis.key_prefix,
    expireMs: config.redis.expire_hours * 3_600_000,
    processId: startId,
    storeId: () => store.id,
    newest: () => store.newest(),
    clock,
    logger,
    metrics,
    onTrouble: (message, hint) => json && printEvent({ event: 'warning', part: 'cloud', message, hint }),
  });
  const liveness = new Liveness({ clock, logger, metrics, silentAfterMs: config.cloud.silent_after_seconds * 1_000 });
  const guard = openLinkGuard(config, clock, logger, metrics);
  const spread = new ReconnectSpread(clock, () => liveness.returning());
  const givenSpreadMs = config.cloud.reconnect_spread_seconds === null ? null : config.cloud.reconnect_spread_seconds * 1_000;
  const receiver = new Receiver({
    store,
    latest,
    clock,
    logger,
    startId,
    site: config.link.site,
    spreadMs: givenSpreadMs === null ? (edge) => spread.msFor(edge) : () => givenSpreadMs,
    legacy: config.link.legacy,
    onHeartbeat: (edge, status, atMs) => liveness.seen(edge, status, atMs),
    postalCodeOf: (household) => registry.assign(household).postalCode,
    ...guard,
  });
  receiver.register(metrics);
  const heartbeatServer = guard.listen(config.link.heartbeat_port);
  const dataServer = guard.listen(config.link.data_port);
  const front = new Front({ config, stateDir, json, store, latest, liveness, metrics, clock, logger, windowMs });
  try {
    guard.trust?.start();
    await store.start();
    await latest.start();
    latest.put(await store.newest());
    liveness.start();
    liveness.expect(await store.edges());
    const httpPort = await front.start();
    const heartbeatPort = await heartbeatServer.start(receiver.handleHeartbeat);
    const dataPort = await dataServer.start(receiver.handle);
    const url = `http://${config.cloud.http_host}:${httpPort}`;
    if (json) printEvent({ event: 'ready', part: 'cloud', url, httpPort, heartbeatPort, dataPort });
    else process.stdout.write(`cloud: page at ${url}, edges at ports ${heartbeatPort} (heartbeats) and ${dataPort} (data)\n`);
    front.tellFirst();
    await untilAborted(signal);
  } finally {
    await Promise.allSettled([heartbeatServer.stop(), dataServer.stop(), front.stop()]);
    await receiver.idle();
    guard.trust?.stop();
    liveness.stop();
    await latest.stop();
    await store.stop();
  }
  return stoppedExitCode(signal.reason, false);
}

/** Damage in the store is counted, and told once for each part; alert-rules.ts makes an alert of it. */
function toldOfDamage(metrics: Metrics, logger: Logger): (part: DamagedPart) => void {
  const parts = metrics.counter('fogline_store_damaged_parts_total', 'Stored parts whose checksum was found not to hold, each once.');
  return ({ startMs, ...part }) => {
    parts.add(1);
    logger.error({ ...part, window: isoTime(startMs) }, 'part damaged: its checksum does not hold; fogline audit names all such windows');
  };
}

/** In this process's memory alone, or shared through Redis. */
function openLatest(options: RedisLatestOptions): Latest {
  return options.url === '' ? new MemoryLatest(options.clock) : new RedisLatest(options);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
