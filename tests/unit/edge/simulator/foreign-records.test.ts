/** A new state on a topic that another run has written into. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { POWER_TOPIC } from '../../../../common/broker/broker.ts';
import { openBroker } from '../../../../common/broker/open-broker.ts';
import { systemClock } from '../../../../common/clock.ts';
import { configWith } from '../../../../common/config.ts';
import { ConfigError } from '../../../../common/errors.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { encodeMark } from '../../../../common/topic-codec.ts';
import { refuseForeignRecords } from '../../../../edge/simulator/foreign-records.ts';

test('is refused with topic and remedies when a record is of a run; what nobody can read is no run', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'fogline-foreign-'));
  const broker = openBroker(configWith({}), dir, systemClock, silentLogger);
  await broker.start();
  try {
    await broker.ensureTopic(POWER_TOPIC, { partitions: 2, retentionMs: 3_600_000 });
    await refuseForeignRecords(broker, configWith({}));
    await broker.append(POWER_TOPIC, 1, [{ key: null, value: Buffer.from('not a record') }]);
    await refuseForeignRecords(broker, configWith({}));
    await broker.append(POWER_TOPIC, 1, [{ key: null, value: encodeMark({ timeMs: 5_000, run: 'other', end: false, last: [] }) }]);
    const refused = (sets: Parameters<typeof configWith>[0], remedy: RegExp) =>
      assert.rejects(
        refuseForeignRecords(broker, configWith(sets)),
        (error) => error instanceof ConfigError && /power_topic/.test(error.message) && remedy.test(error.remedy),
      );
    await refused({}, /--fresh/);
    await refused({ 'broker.kind': 'kafka' }, /broker\.kafka_prefix.*--state/);
  } finally {
    await broker.stop();
    rmSync(dir, { recursive: true });
  }
});
