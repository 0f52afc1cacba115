/**
 * Kafka killed with -9 in the middle of a run and started again on its data; the edge killed with -9 whenever its consumption begins. The
 * cloud must hold the truth afterwards, and `fogline audit` must say so.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import { systemClock } from '../../common/clock.ts';
import { KafkaAndRedis, notBoth, readingsIn } from '../doubles/kafka-and-redis.ts';
import { Fleet } from './fleet.ts';

/** An hour in half a minute. */
const SPEED = '120';
/** The longer one fills the simulator's buffer, which then waits. It takes two minutes, so it has to be asked for. */
const AWAY_MS = process.env['FOGLINE_LONG'] === '1' ? [20_000, 60_000] : [20_000];
const NO_CHANGE_MS = 2_000;
/** From the start of the process on: loading, connecting, looking at the log, first fetches. */
const KILLS_AFTER_MS = [250, 400, 550, 700, 850, 1_000, 1_200, 1_500];

const both = new KafkaAndRedis();
const needsBoth = { skip: notBoth, timeout: 300_000 };

if (notBoth === false) before(() => both.start());
after(() => both.stop());

for (const awayMs of AWAY_MS) {
  test(`Kafka killed for ${awayMs / 1_000} s in the middle of the run`, needsBoth, async () => {
    await withFleet(async (fleet) => {
      fleet.startAll();
      await fleet.until('rows are acknowledged', ({ acked }) => acked > 1_000);
      await both.kafka.server.kill();
      const { newestMs } = await settled(fleet);
      await systemClock.sleep(awayMs - NO_CHANGE_MS);
      const status = await fleet.status();
      assert.equal(status?.newestMs, newestMs, 'nothing came while Kafka was away');
      assert.ok(fleet.isRunning('simulate'), 'the simulator has not finished: all this is in the middle of the run');
      await both.kafka.server.start();
      await fleet.untilDone();
      for (const part of ['simulate', 'edge', 'cloud'] as const) assert.equal(fleet.starts[part], 1, `${part} lived through it`);
    });
  });
}

test('the edge killed whenever its consumption begins, and while it commits to Kafka', needsBoth, async () => {
  await withFleet(async (fleet, prefix) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 500);
    await fleet.kill('edge');
    for (const name of [
      'edge_after_poll_before_checkpoint',
      'edge_inside_checkpoint',
      'edge_after_checkpoint',
      'edge_before_broker_commit',
    ]) {
      fleet.start('edge', name);
      assert.equal(await fleet.ended('edge'), 'SIGKILL', name);
    }
    for (const ms of KILLS_AFTER_MS) {
      fleet.start('edge');
      await systemClock.sleep(ms);
      assert.ok(fleet.isRunning('edge'));
      await fleet.kill('edge');
    }
    fleet.start('edge');
    await fleet.until('the edge answers', () => true);
    await fleet.kill('edge');
    fleet.start('edge');
    const { runs } = await fleet.until('the last edge is up', () => true);
    assert.ok(
      runs.every(({ done }) => !done),
      'the run was not done before the last kill',
    );
    await fleet.untilDone();
    const groups = await both.kafka.administer((admin) =>
      admin.fetchOffsets({ groupId: `${prefix}edge`, topics: [`${prefix}${POWER_TOPIC}`] }),
    );
    assert.ok(
      groups[0]?.partitions.some(({ offset }) => Number(offset) > 0),
      'the edge has told Kafka how far it is',
    );
  });
});

/** An hour of twelve households by parts that can be hurt, and in the end the truth, the audit, and what proves the way. */
async function withFleet(hurt: (fleet: Fleet, prefix: string) => Promise<void>): Promise<void> {
  const { dataDir, range } = both.hourOfHomes();
  const prefix = both.newPrefix();
  const fleet = new Fleet({ dataDir, speed: SPEED, sets: both.sets(prefix), ...range });
  try {
    const { httpPort } = await fleet.open();
    await hurt(fleet, prefix);
    const csv = both.assertTruth(fleet.stateDir, dataDir, range);
    both.assertAudited(fleet.stateDir, dataDir, prefix, { url: `http://127.0.0.1:${httpPort}` });
    await both.assertThroughKafka(fleet.stateDir, prefix, readingsIn(csv));
    await both.assertThroughRedis(prefix);
  } finally {
    await fleet.stop();
  }
}

/** What had been fetched before is taken in; then nothing comes any more. */
async function settled(fleet: Fleet): Promise<{ newestMs: number | null }> {
  await systemClock.sleep(NO_CHANGE_MS);
  const { newestMs } = await fleet.until('the edge answers', () => true);
  assert.ok(newestMs !== null);
  return { newestMs };
}
