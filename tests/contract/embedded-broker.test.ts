import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedBroker } from '../../common/broker/embedded-broker.ts';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { ShiftedClock } from '../doubles/shifted-clock.ts';
import type { BrokerHarness } from './broker-probes.ts';
import { brokerSuite } from './broker-suite.ts';

const QUOTA_MB = 16;
const SETTINGS = { 'broker.quota_mb': `${QUOTA_MB}` } as const;

async function openEmbedded(): Promise<BrokerHarness> {
  const stateDir = await mkdtemp(join(tmpdir(), 'fogline-broker-'));
  const clock = new ShiftedClock(['broker trim']);
  const started: EmbeddedBroker[] = [];
  const start = async () => {
    const broker = openBroker(configWith(SETTINGS), stateDir, clock, silentLogger) as EmbeddedBroker;
    await broker.start();
    started.push(broker);
    return broker;
  };
  const stopAll = () => Promise.all(started.splice(0).map((broker) => broker.stop()));
  let newest = await start();
  const restart = async () => (newest = await start());
  return {
    broker: newest,
    another: start,
    reopen: async () => {
      await stopAll();
      return restart();
    },
    replace: async () => {
      await stopAll();
      await rm(join(stateDir, 'broker'), { recursive: true });
      return restart();
    },
    child: { stateDir, settings: SETTINGS },
    passTime: async (ms) => {
      clock.shift(ms);
      if (clock.fire('broker trim') === 0) throw new Error('no broker waits to apply retention');
      // It is waiting again when it is done.
      while (clock.waiting('broker trim') < started.length) await systemClock.sleep(1);
    },
    droppedAtQuota: () => newest.counters.droppedAtQuota,
    cleanup: async () => {
      await stopAll();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

brokerSuite('embedded broker', openEmbedded, { retention: true, quotaBytes: QUOTA_MB * 2 ** 20 });
