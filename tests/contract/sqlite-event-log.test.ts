import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SqliteEventLog } from '../../cloud/server/storage/sqlite-event-log.ts';
import { silentLogger } from '../../common/logger.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { eventLogSuite, raised } from './event-log-suite.ts';

function logFor(t: TestContext, eventsMax: number): SqliteEventLog {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-events-'));
  const log = new SqliteEventLog({ stateDir, clock: new VirtualClock(), logger: silentLogger, eventsMax });
  t.after(async () => {
    await log.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  return log;
}

eventLogSuite('SQLite', {
  async open(t, eventsMax) {
    const log = logFor(t, eventsMax);
    await log.start();
    return log;
  },
  async reopen(log) {
    await log.stop();
    await log.start();
    return log;
  },
});

test('a damaged event log is kept aside and begun anew: it holds no reading, and the cloud starts', async (t) => {
  for (const damage of ['zeros', 'text', 'middle'] as const) {
    const log = logFor(t, 10_000);
    await log.start();
    await log.append(Array.from({ length: 500 }, (_, i) => raised(`edge-${i}`, { detail: 'x'.repeat(200) })));
    await log.stop();
    const bytes = readFileSync(log.path);
    if (damage === 'zeros') bytes.fill(0, 0, 4_096);
    if (damage === 'middle') bytes.fill(0xa5, 8_192, 16_384);
    writeFileSync(log.path, damage === 'text' ? 'not a database' : bytes);
    await log.start();
    assert.deepEqual(await log.recent(1), [], damage);
    assert.equal((await log.append([raised('a')])).length, 1);
    assert(
      readdirSync(dirname(log.path)).some((name) => name.startsWith('events.db.damaged-')),
      damage,
    );
  }
});
