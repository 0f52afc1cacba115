/** `fogline edge`: one edge server, until told to stop. */
import { join } from 'node:path';
import { openBroker, topicDamage } from '../../common/broker/open-broker.ts';
import { printEvent } from '../../common/child-events.ts';
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { processEnvironment } from '../../common/config.ts';
import { stoppedExitCode } from '../../common/errors.ts';
import { makeFolder } from '../../common/folders.ts';
import { openLinkClient } from '../../common/link/open-link.ts';
import { openLogger } from '../../common/logger.ts';
import { randomId, seededRandom, seedOf } from '../../common/random.ts';
import { ServiceManager } from '../../common/service-manager.ts';
import { refuseUnfinishedRestore } from '../../common/unfinished-restore.ts';
import { MS_PER_HOUR } from '../../common/units.ts';
import { EdgeServer } from './edge-server.ts';
import { wayToCloud } from './way-to-cloud.ts';
import { StatusHttp } from './status-http.ts';

const BYTES_PER_MB = 1 << 20;

export async function main({ config, stateDir, json, signal }: CommandOptions): Promise<number> {
  const logger = openLogger('edge', processEnvironment().logLevel);
  const manager = new ServiceManager(processEnvironment().manager, systemClock, logger);
  refuseUnfinishedRestore(stateDir);
  makeFolder(join(stateDir, 'edge'));
  const random = seededRandom(seedOf(randomId()));
  const { edge, link, broker } = config;
  const way = wayToCloud(config, join(stateDir, 'edge'), systemClock, logger);
  const dial = (port: number) =>
    openLinkClient({
      kind: link.kind,
      host: way.host,
      port,
      tls: way.credentials,
      allowPlaintext: link.allow_plaintext,
      clock: systemClock,
      random,
      logger,
    });
  const dataLink = await dial(way.dataPort);
  const server = new EdgeServer({
    edge: way.edge,
    site: link.site,
    broker: openBroker(config, stateDir, systemClock, logger),
    topicDamage: () => topicDamage(config, stateDir),
    topic: { partitions: broker.partitions, retentionMs: broker.retention_hours * MS_PER_HOUR },
    dataLink,
    heartbeatLink: await dial(way.heartbeatPort),
    openLiveLink: () => dial(way.dataPort),
    clock: systemClock,
    random,
    logger,
    folder: join(stateDir, 'edge'),
    quotaBytes: edge.outbox_quota_mb * BYTES_PER_MB,
    windowMs: edge.window_seconds * 1_000,
    keepMs: edge.outbox_keep_hours * MS_PER_HOUR,
    idleCloseMs: edge.idle_close_seconds * 1_000,
    publishAverages: edge.publish_averages,
    heartbeatMs: link.heartbeat_seconds * 1_000,
    heartbeatDeadlineMs: link.heartbeat_deadline_seconds * 1_000,
    dataDeadlineMs: link.data_deadline_seconds * 1_000,
    onWarning: (message, hint) => json && printEvent({ event: 'warning', part: 'edge', message, hint }),
  });
  const status = new StatusHttp(
    way.edge,
    () => server.status(),
    () => server.isLinkUp,
  );
  try {
    await server.start();
    const statusUrl = `http://127.0.0.1:${await status.start(edge.status_port)}`;
    if (json) printEvent({ event: 'ready', part: 'edge', statusUrl: `${statusUrl}/status`, transport: dataLink.transport });
    else process.stdout.write(`edge ${way.edge}: status at ${statusUrl}/status, link by ${dataLink.transport}\n`);
    manager.ready(signal);
    await server.run(signal);
  } finally {
    await status.stop();
    await server.stop();
  }
  return stoppedExitCode(signal.reason, false);
}
