/** What `fogline audit` can't judge it refuses, with file and remedy: damaged databases, an outbox that is gone, a topic elsewhere. */
import assert from 'node:assert/strict';
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { assertYes, audit, cleanUp, copyOf, dataDir, fogline, inFile, newPath, prepare, whole } from '../doubles/audited-run.ts';

const OVERWRITTEN_BYTES = 20_000;
const FILES = ['cloud/series.db', 'edge/outbox.db', 'broker/broker.db'] as const;

before(prepare);
after(cleanUp);

/** Another disk's bytes, at this part of the file. */
function overwrite(path: string, part: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(OVERWRITTEN_BYTES, 'not a page. '), 0, OVERWRITTEN_BYTES, Math.floor(statSync(path).size * part));
  closeSync(file);
}

function refused(state: string, ...more: string[]): string {
  const { status, stdout, stderr } = fogline('audit', '--state', state, '--data', dataDir, ...more);
  assert.equal(status, 4, stdout + stderr);
  assert.match(stderr, /what to do: /);
  return stderr;
}

for (const name of FILES) {
  for (const part of [0.1, 0.3, 0.5, 0.7, 0.9]) {
    test(`exit 4: ${name} overwritten at ${part} of its length, named with what to do`, () => {
      const state = copyOf(whole);
      overwrite(join(state, name), part);
      const told = refused(state);
      assert.ok(told.includes(join(state, name)), told);
      assert.match(told, /is damaged: /);
      assert.match(told, /what to do: .*start .* keeps the file in STATE\/(cloud|edge|broker)\/damaged /);
      assert.doesNotMatch(told, /SqliteError/);
    });
  }
}

test('exit 4: a row of the store that does not decode', () => {
  for (const [name, change] of [
    ['cloud/series.db', "UPDATE sources SET covered = '[[1,' WHERE id = 1"],
    // With its seal it is a damaged part like any other, and named with its window (audit-cloud.test.ts).
    ['cloud/series.db', "UPDATE parts SET stats = x'00', seal = NULL WHERE source_id = 1"],
    ['edge/outbox.db', "UPDATE outbox_bodies SET stats = '[1,' WHERE id = 7"],
  ] as const) {
    const state = copyOf(whole);
    inFile(join(state, name), (database) => assert.ok(database.prepare(change).run().changes > 0));
    const told = refused(state);
    assert.ok(told.includes(join(state, name)), told);
  }
});

test('exit 4: the outbox of an edge that ran here is gone', () => {
  const outboxGone = copyOf(whole);
  rmSync(join(outboxGone, 'edge/outbox.db'));
  const folderGone = copyOf(whole);
  rmSync(join(folderGone, 'edge'), { recursive: true });
  for (const state of [outboxGone, folderGone]) assert.match(refused(state), /outbox is gone: .*outbox\.db/);
  // Where neither topic nor edge ever were, the store alone is compared.
  const cloudOnly = newPath();
  renameSync(folderGone, cloudOnly);
  rmSync(join(cloudOnly, 'broker'), { recursive: true });
  assertYes(audit(cloudOnly));
});

test('exit 4: a run on Kafka, asked without the settings of its broker', () => {
  const state = copyOf(whole);
  rmSync(join(state, 'broker'), { recursive: true });
  // As the names of logs are on Kafka: id of the topic, partition.
  inFile(join(state, 'edge/outbox.db'), (database) =>
    database.exec("UPDATE positions SET log_id = 'x_3kP-fvQ0iBw2c1-d8LkA-' || partition"),
  );
  const told = refused(state);
  assert.match(told, /one on Kafka/);
  assert.match(told, /what to do: .*--set broker\.kind=kafka/);
});

test('yes: a topic that is not here, and was an embedded one', () => {
  const state = copyOf(whole);
  rmSync(join(state, 'broker'), { recursive: true });
  assertYes(audit(state));
});
