/**
 * Damage behind the broker's back: always an error that names topic, partition and offset, never a record less. What the next start makes
 * of it is embedded-salvage.test.ts.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { RecordBatch } from '../../../../common/broker/broker.ts';
import type { EmbeddedBroker } from '../../../../common/broker/embedded-broker.ts';
import { OperatingError } from '../../../../common/errors.ts';
import { EmbeddedFolder, records, TOPIC } from './embedded-folder.ts';

/** Five appends of 100 records in partition 0, one in partition 1. */
async function filled(context: TestContext): Promise<{ folder: EmbeddedFolder; broker: EmbeddedBroker }> {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  const broker = await folder.open();
  for (let i = 0; i < 5; i++) await broker.append(TOPIC, 0, records(100));
  await broker.append(TOPIC, 1, records(100));
  return { folder, broker };
}

function isDamageAt(offset: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof OperatingError && error.code === 'BROKER_DAMAGED' && !error.retryable && error.hint !== '', String(error));
    assert.ok(error.message.includes(`topic ${TOPIC}, partition 0, offset ${offset}:`), error.message);
    return true;
  };
}

/** Changes one byte in the middle of the batch that begins at the offset. */
function flipByte(folder: EmbeddedFolder, baseOffset: number): void {
  folder.raw((database) => {
    const where = 'WHERE base_offset = ? AND log = (SELECT id FROM log WHERE partition = 0)';
    const { bytes } = database.prepare<[number], { bytes: Buffer }>(`SELECT bytes FROM batch ${where}`).get(baseOffset) as {
      bytes: Buffer;
    };
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] as number) ^ 0x10;
    assert.equal(database.prepare(`UPDATE batch SET bytes = ? ${where}`).run(bytes, baseOffset).changes, 1);
  });
}

function change(folder: EmbeddedFolder, sql: string): void {
  const changes = folder.raw((database) => database.prepare(sql).run().changes);
  assert.ok(changes > 0, 'the statement changes something');
}

test('a changed byte: everything before it is delivered, then the consumption ends, nothing is skipped', async (context) => {
  const { folder, broker } = await filled(context);
  flipByte(folder, 200);
  const batches: RecordBatch[] = [];
  const starts = [0, 1].map((partition) => ({ partition, offset: 0 }));
  const consumption = await broker.consume(TOPIC, 'edge', starts, async (batch) => {
    batches.push(batch);
  });
  await assert.rejects(consumption.ended, isDamageAt(200));
  await broker.append(TOPIC, 0, records(1));
  const delivered = batches.filter(({ partition }) => partition === 0).flatMap((batch) => batch.records);
  assert.deepEqual(
    delivered.map(({ offset }) => offset),
    Array.from({ length: 200 }, (_, i) => i),
  );
});

test('a changed byte: reads across it fail, reads beside it do not', async (context) => {
  const { folder, broker } = await filled(context);
  flipByte(folder, 200);
  await assert.rejects(broker.read(TOPIC, 0, 0, 500, 500), isDamageAt(200));
  await assert.rejects(broker.read(TOPIC, 0, 299, 300, 1), isDamageAt(200));
  assert.equal((await broker.read(TOPIC, 0, 0, 200, 500)).length, 200);
  assert.equal((await broker.read(TOPIC, 0, 300, 500, 500)).length, 200);
  assert.equal((await broker.read(TOPIC, 1, 0, 500, 500)).length, 100);
});

test('a missing row in the middle', async (context) => {
  const { folder, broker } = await filled(context);
  change(folder, 'DELETE FROM batch WHERE base_offset = 200');
  await assert.rejects(broker.read(TOPIC, 0, 0, 500, 500), isDamageAt(200));
  await assert.rejects(broker.read(TOPIC, 0, 250, 251, 1), isDamageAt(250));
  assert.equal((await broker.read(TOPIC, 0, 0, 200, 500)).length, 200);
  const consumption = await broker.consume(TOPIC, 'edge', [{ partition: 0, offset: 0 }], async () => {});
  await assert.rejects(consumption.ended, isDamageAt(200));
});

test('rows that changed places', async (context) => {
  const { folder, broker } = await filled(context);
  const move = 'UPDATE batch SET base_offset = base_offset';
  change(folder, `${move} + 1000 WHERE log = 1 AND base_offset IN (100, 200)`);
  change(folder, `${move} - 1100 + 200 WHERE log = 1 AND base_offset = 1100`);
  change(folder, `${move} - 1200 + 100 WHERE log = 1 AND base_offset = 1200`);
  await assert.rejects(broker.read(TOPIC, 0, 0, 500, 500), isDamageAt(100));
});

test('another time of appending, on which retention rests', async (context) => {
  const { folder, broker } = await filled(context);
  change(folder, 'UPDATE batch SET appended_ms = 0 WHERE log = 1 AND base_offset = 300');
  await assert.rejects(broker.read(TOPIC, 0, 300, 301, 1), isDamageAt(300));
});

test('missing newest or oldest rows are noticed at the start', async (context) => {
  const { folder, broker } = await filled(context);
  await broker.stop();
  change(folder, 'DELETE FROM batch WHERE log = 1 AND base_offset = 400');
  await assert.rejects(folder.broker({ isOnlyLooking: true }).start(), isDamageAt(400));
  change(folder, 'DELETE FROM batch WHERE log = 1 AND base_offset < 300');
  await assert.rejects(folder.broker({ isOnlyLooking: true }).start(), isDamageAt(0));
  change(folder, 'DELETE FROM batch WHERE log = 1');
  await assert.rejects(folder.broker({ isOnlyLooking: true }).start(), isDamageAt(0));
});
