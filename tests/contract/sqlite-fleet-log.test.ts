import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EdgeFacts, FleetBatch, Outage } from '../../cloud/server/storage/fleet-log.ts';
import { SAMPLES_KEPT_MS, SqliteFleetLog } from '../../cloud/server/storage/sqlite-fleet-log.ts';
import { silentLogger } from '../../common/logger.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';

async function logFor(t: TestContext, limits: { outagesMax?: number; samplesMax?: number } = {}): Promise<SqliteFleetLog> {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-fleet-'));
  const log = new SqliteFleetLog({ stateDir, clock: new VirtualClock(), logger: silentLogger, ...limits });
  t.after(async () => {
    await log.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  await log.start();
  return log;
}

function batch(beatMs: number, more: Partial<FleetBatch> = {}): FleetBatch {
  return { beatMs, isEnd: false, outages: [], facts: [], samples: [], ...more };
}

function silent(edge: string, fromMs: number, toMs: number | null): Outage {
  return { edge, cause: 'silent', fromMs, toMs, detail: '' };
}

const FACTS: EdgeFacts = {
  edge: 'a',
  firstSeenMs: 1,
  lastConnectMs: 2,
  lastDisconnectMs: null,
  lastHeartbeatMs: 4,
  lastAckMs: 5,
  connects: 6,
  storedParts: 7,
  duplicateParts: 8,
  version: '1.2.3',
};

test('what was written is there after a restart, and the first word stays the first', async (t) => {
  const log = await logFor(t);
  assert.equal(await log.beat(), null);
  await log.write(
    batch(10, { facts: [FACTS], outages: [silent('a', 5, null)], samples: [{ edge: 'a', atMs: 9, parts: 3, ageSeconds: null }] }),
  );
  await log.write(batch(20, { isEnd: true }));
  await log.stop();
  await log.start();
  assert.deepEqual(await log.beat(), { firstMs: 10, lastMs: 20, isEnd: true });
  assert.deepEqual(await log.facts(), [FACTS]);
  assert.deepEqual(await log.samples('a', 0, 100), [{ atMs: 9, parts: 3, ageSeconds: null }]);
  assert.deepEqual(await log.samples('b', 0, 100), []);
  assert.deepEqual(
    (await log.open()).map(({ edge, fromMs }) => [edge, fromMs]),
    [['a', 5]],
  );
});

test('an outage is one row from its begin to its end, also when it is told twice', async (t) => {
  const log = await logFor(t);
  for (let i = 0; i < 2; i++) await log.write(batch(10, { outages: [silent('a', 5, null)] }));
  for (let i = 0; i < 2; i++) await log.write(batch(20, { outages: [silent('a', 5, 15)] }));
  assert.deepEqual(await log.open(), []);
  assert.deepEqual(
    (await log.outages({ limit: 10 })).map(({ fromMs, toMs }) => [fromMs, toMs]),
    [[5, 15]],
  );
});

test('outages by range, by edge with those of the cloud, and in pages, newest begin first', async (t) => {
  const log = await logFor(t);
  const down: Outage = { edge: '', cause: 'cloud down', fromMs: 30, toMs: 40, detail: 'stopped in order' };
  await log.write(batch(1, { outages: [silent('a', 10, 20), silent('b', 10, null), down, silent('a', 50, 60)] }));
  const begins = async (query: Omit<Parameters<typeof log.outages>[0], 'limit'>, limit = 10) =>
    (await log.outages({ ...query, limit })).map(({ edge, fromMs }) => `${edge}${fromMs}`);
  assert.deepEqual(await begins({}), ['a50', '30', 'b10', 'a10']);
  assert.deepEqual(await begins({ edge: 'a' }), ['a50', '30', 'a10']);
  assert.deepEqual(await begins({ fromMs: 20, toMs: 50 }), ['30', 'b10']);
  assert.deepEqual(await begins({ fromMs: 19, toMs: 30 }), ['b10', 'a10']);
  const page = await log.outages({ limit: 2 });
  const { fromMs = 0, id = 0 } = page.at(-1) ?? {};
  assert.deepEqual(await begins({ after: { fromMs, id } }), ['b10', 'a10']);
});

test('the eldest go when there are too many, but not what lasts', async (t) => {
  const log = await logFor(t, { outagesMax: 3, samplesMax: 2 });
  await log.write(
    batch(1, { outages: [silent('open', 1, null), silent('a', 2, 3), silent('a', 4, 5), silent('a', 6, 7), silent('a', 8, 9)] }),
  );
  assert.deepEqual(
    (await log.outages({ limit: 10 })).map(({ fromMs }) => fromMs),
    [8, 6, 4, 1],
  );
  const sample = (atMs: number) => ({ edge: 'a', atMs, parts: 1, ageSeconds: 1.5 });
  await log.write(batch(10, { samples: [sample(1), sample(2), sample(3)] }));
  const kept = async () => (await log.samples('a', 0, Infinity)).map(({ atMs }) => atMs);
  assert.deepEqual(await kept(), [2, 3]);
  await log.write(batch(SAMPLES_KEPT_MS + 3, { samples: [sample(SAMPLES_KEPT_MS + 3)] }));
  assert.deepEqual(await kept(), [3, SAMPLES_KEPT_MS + 3]);
});

test('a damaged fleet log is kept aside and begun anew', async (t) => {
  const log = await logFor(t);
  await log.write(batch(10));
  await log.stop();
  writeFileSync(log.path, 'not a database');
  await log.start();
  assert.equal(await log.beat(), null);
  assert(readdirSync(dirname(log.path)).some((name) => name.startsWith('fleet.db.damaged-')));
});
