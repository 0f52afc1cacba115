import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { DATABASES, ENTRIES, FENCES, FILES_AFTER, FILES_BEFORE, partOfPath } from '../../../backup/state-files.ts';
import { SCHEMA_VERSION } from '../../../cloud/server/storage/migrations/migrate.ts';
import { SERIES_FILE } from '../../../cloud/server/storage/open-database.ts';
import { SqliteEventLog } from '../../../cloud/server/storage/sqlite-event-log.ts';
import { SqliteFleetLog } from '../../../cloud/server/storage/sqlite-fleet-log.ts';
import { APPLICATION_ID, MIGRATIONS as BROKER_MIGRATIONS } from '../../../common/broker/broker-schema.ts';
import { DATABASE_NAME } from '../../../common/broker/embedded-database.ts';
import { systemClock } from '../../../common/clock.ts';
import { openLogger } from '../../../common/logger.ts';
import { MIGRATIONS, OUTBOX_FILE } from '../../../edge/server/outbox-schema.ts';

test('the databases and their newest layouts are those of the parts', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-state-files-'));
  const known = new Map(DATABASES.map(({ path, schemaKnown, applicationId }) => [path, [schemaKnown, applicationId]]));
  assert.deepEqual(known.get(join('edge', OUTBOX_FILE)), [MIGRATIONS.length, 0]);
  assert.deepEqual(known.get(join('broker', DATABASE_NAME)), [BROKER_MIGRATIONS.length, APPLICATION_ID]);
  assert.deepEqual(known.get(SERIES_FILE), [SCHEMA_VERSION, 0]);
  try {
    const options = { stateDir, clock: systemClock, logger: openLogger('cloud', 'silent') };
    for (const log of [new SqliteEventLog(options), new SqliteFleetLog(options)]) {
      await log.start();
      await log.stop();
      const database = new Database(log.path, { readonly: true });
      const held = [database.pragma('user_version', { simple: true }), database.pragma('application_id', { simple: true })];
      database.close();
      assert.deepEqual(known.get(log.path.slice(stateDir.length + 1)), held);
      known.delete(log.path.slice(stateDir.length + 1));
    }
    assert.equal(known.size, 3);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});

test('what is copied lies in an entry of its own part, so that it is set aside with it', () => {
  for (const { part, path } of DATABASES) assert.ok(ENTRIES[part].includes(path.split('/')[0] ?? ''), path);
  for (const { part, folder } of [...FILES_BEFORE, ...FILES_AFTER]) {
    if (folder !== '') assert.ok(ENTRIES[part].includes(folder), folder);
  }
  for (const path of Object.keys(FENCES)) assert.notEqual(partOfPath(path), undefined);
});

test('a path that no state has belongs to no part', () => {
  assert.equal(partOfPath('simulator/resume-3.json'), 'edge');
  assert.equal(partOfPath('cloud/tokens.json'), 'cloud');
  for (const path of ['run.lock', 'logs/edge.log', '../cloud/tokens.json', 'cloud/../../x', '/etc/passwd', 'cloud/', 'edge/damaged/x', ''])
    assert.equal(partOfPath(path), undefined, path);
});
