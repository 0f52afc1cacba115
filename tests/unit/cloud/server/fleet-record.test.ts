/** The record of the fleet in virtual time, over restarts of the cloud, with the real log. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FleetRecord } from '../../../../cloud/server/fleet-record.ts';
import { Liveness } from '../../../../cloud/server/liveness.ts';
import type { FleetBatch } from '../../../../cloud/server/storage/fleet-log.ts';
import { SqliteFleetLog } from '../../../../cloud/server/storage/sqlite-fleet-log.ts';
import { silentLogger } from '../../../../common/logger.ts';
import type { EdgeStatus } from '../../../../common/messages.ts';
import { Metrics } from '../../../../common/metrics.ts';
import { QUIET_EDGE } from '../../../doubles/edge-status.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

class FailingLog extends SqliteFleetLog {
  isFull = false;
  /** For so long the main loop does not turn. */
  stallMs = 0;

  override async write(batch: FleetBatch): Promise<void> {
    if (this.stallMs > 0) await this.options.clock.sleep(this.stallMs);
    return this.isFull ? Promise.reject(new Error('full')) : super.write(batch);
  }
}

function site(t: TestContext) {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-fleet-'));
  const clock = new VirtualClock();
  const begunMs = clock.nowMs();
  const log = new FailingLog({ stateDir, clock, logger: silentLogger });
  t.after(async () => {
    await log.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const start = async (edges: string[] = [], isAlone = true) => {
    const metrics = new Metrics();
    const liveness = new Liveness({ clock, logger: silentLogger, metrics, silentAfterMs: 7_000 });
    const record = new FleetRecord({ log, liveness, clock, logger: silentLogger, metrics });
    liveness.start();
    liveness.expect(edges);
    await log.start();
    await record.start(isAlone);
    const heard = async (seconds: number, status: Partial<EdgeStatus> = {}, edge = 'edge-1') => {
      for (let i = 0; i < seconds; i++) {
        liveness.seen(edge, { ...QUIET_EDGE, ...status }, clock.nowMs(), clock.nowMs() - 250);
        await clock.advance(1_000);
      }
    };
    return {
      liveness,
      metrics,
      heard,
      async stop() {
        const stopped = record.stop();
        await clock.advance(0);
        await stopped;
        liveness.stop();
        await log.stop();
      },
      /** As if killed: nothing more is written. */
      async kill() {
        log.isFull = true;
        await this.stop();
        log.isFull = false;
      },
    };
  };
  const second = (timeMs: number | null) => (timeMs === null ? null : (timeMs - begunMs) / 1_000);
  const told = async () =>
    (await log.outages({ limit: 100 })).map(({ edge, cause, fromMs, toMs }) => [edge, cause, second(fromMs), second(toMs)]);
  return { clock, log, start, told };
}

test('a silence has begin and end, and is open in between', async (t) => {
  const { clock, start, told } = site(t);
  const cloud = await start();
  await cloud.heard(10);
  assert.equal(cloud.liveness.edges()[0]?.health, 'online');
  await clock.advance(4_000);
  assert.equal(cloud.liveness.edges()[0]?.health, 'late');
  await clock.advance(6_000);
  assert.equal(cloud.liveness.edges()[0]?.health, 'offline');
  assert.deepEqual(await told(), [['edge-1', 'silent', 9, null]]);
  await cloud.heard(3);
  assert.deepEqual(await told(), [['edge-1', 'silent', 9, 20]]);
  const [edge] = cloud.liveness.edges();
  assert.equal(edge?.connects, 2);
  assert.equal(edge?.clockSkewSeconds, 0.25);
  await cloud.stop();
});

test('a cloud that is killed tells its own outage at the next start, and none of the edges', async (t) => {
  const { clock, start, told } = site(t);
  const first = await start();
  await first.heard(20);
  await first.kill();
  await clock.advance(60_000);
  const second = await start(['edge-1']);
  assert.equal(second.liveness.edges()[0]?.health, 'late', 'not heard yet');
  await second.heard(20);
  const [down, ...others] = await told();
  assert.deepEqual(others, []);
  assert.deepEqual([down?.[0], down?.[1], down?.[3]], ['', 'cloud down', 80]);
  assert(Number(down?.[2]) >= 17 && Number(down?.[2]) <= 20, String(down?.[2]));
  const [edge] = second.liveness.edges();
  assert.equal(edge?.connects, 2, 'what was known is known');
  await second.stop();
  await clock.advance(30_000);
  const third = await start(['edge-1']);
  assert.deepEqual((await told())[0], ['', 'cloud down', 100, 130], 'to the second when it was stopped in order');
  await third.stop();
});

test('one that starts beside another takes the beat of that for no outage', async (t) => {
  const { clock, start, told } = site(t);
  const first = await start();
  await first.heard(5);
  await clock.advance(1_500);
  await first.kill();
  await clock.advance(60_000);
  const beside = await start([], false);
  assert.deepEqual(await told(), []);
  await beside.stop();
});

test('a silence that began before the restart goes on until the edge is heard', async (t) => {
  const { clock, start, told } = site(t);
  const first = await start();
  await first.heard(10);
  await clock.advance(20_000);
  await first.stop();
  await clock.advance(10_000);
  const second = await start(['edge-1']);
  await clock.advance(20_000);
  assert.deepEqual(await told(), [
    ['', 'cloud down', 30, 40],
    ['edge-1', 'silent', 9, null],
  ]);
  await second.heard(2);
  assert.deepEqual((await told())[1], ['edge-1', 'silent', 9, 60]);
  await second.stop();
});

test('heartbeats without a stored part while parts wait are late; a stored one ends it; what is held back is told apart', async (t) => {
  const { start, told } = site(t);
  const cloud = await start();
  await cloud.heard(20, { queued: 4 });
  assert.deepEqual(await told(), []);
  await cloud.heard(20, { queued: 4 });
  assert.equal(cloud.liveness.edges()[0]?.health, 'late');
  assert.deepEqual(await told(), [['edge-1', 'late', 0, null]]);
  cloud.liveness.facts.taken('edge-1', { stored: 3, duplicates: 1, refused: 2, declaredReadings: 7 });
  await cloud.heard(2, { queued: 1 });
  assert.deepEqual(await told(), [['edge-1', 'late', 0, 41]]);
  const [edge] = cloud.liveness.edges();
  assert.deepEqual([edge?.health, edge?.storedParts, edge?.duplicateParts, edge?.storedPerMinute], ['online', 3, 1, 3]);
  assert.deepEqual([edge?.refusedRows, edge?.declaredReadings, edge?.droppedEarly], [2, 7, 0]);
  await cloud.heard(5, { parked: [{ household: 'h', reason: 'second source' }] });
  assert.deepEqual((await told())[0]?.slice(0, 2), ['edge-1', 'parked']);
  await cloud.stop();
});

test('a cloud that stood still was away', async (t) => {
  const { clock, log, start, told } = site(t);
  const cloud = await start();
  await cloud.heard(3);
  log.stallMs = 30_000;
  await clock.advance(32_000);
  log.stallMs = 0;
  await cloud.heard(3);
  assert((await told()).some(([edge, cause]) => edge === '' && cause === 'cloud down'));
  await cloud.stop();
});

test('what a full disk does not take is written when there is room again', async (t) => {
  const { clock, log, start, told } = site(t);
  const cloud = await start();
  await cloud.heard(5);
  log.isFull = true;
  await clock.advance(20_000);
  await cloud.heard(5);
  assert.deepEqual(await told(), []);
  log.isFull = false;
  await cloud.heard(5);
  assert.deepEqual(await told(), [['edge-1', 'silent', 4, 25]]);
  await cloud.stop();
});
