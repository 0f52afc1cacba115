/** The Kafka broker against a real Kafka: the suite, and what only a cluster does to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { noKafka } from '../../scripts/real-kafka.ts';
import { TestKafka } from '../doubles/test-kafka.ts';
import type { BrokerHarness } from '../contract/broker-probes.ts';
import { brokerSuite } from '../contract/broker-suite.ts';

const kafka = new TestKafka();
let opened = 0;

if (noKafka === false) before(() => kafka.start());
after(() => kafka.stop());

async function openKafka(): Promise<BrokerHarness> {
  const stateDir = await mkdtemp(join(tmpdir(), 'fogline-kafka-broker-'));
  const settings = kafka.settings(`test${++opened}-`);
  const started: ReturnType<typeof openBroker>[] = [];
  const start = async () => {
    const broker = openBroker(configWith(settings), stateDir, systemClock, silentLogger);
    await broker.start();
    started.push(broker);
    return broker;
  };
  const stopAll = () => Promise.all(started.splice(0).map((broker) => broker.stop()));
  const broker = await start();
  return {
    broker,
    another: start,
    reopen: async () => {
      await stopAll();
      return start();
    },
    replace: async () => {
      await stopAll();
      await kafka.deleteTopics(`test${opened}-`);
      return start();
    },
    child: { stateDir, settings },
    passTime: () => Promise.reject(new Error('the time of a Kafka can not be moved')),
    droppedAtQuota: () => 0,
    cleanup: async () => {
      await stopAll();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

brokerSuite('kafka broker', openKafka, { retention: false, quotaBytes: undefined, skip: noKafka });
