/** A damaged topic that another part has set aside is told by the edge, until its folder is deleted. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import { openBroker, topicDamage } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { SET_ASIDE_FOLDER } from '../../common/set-aside.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { freePort } from '../doubles/free-port.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const LOOK_EVERY_MS = 100;
const PATIENT_MS = 60_000;

before(() => ensureBuilt());

/** Opens the broker as the simulator does, and appends. */
async function append(stateDir: string, values: readonly string[]): Promise<void> {
  const broker = openBroker(configWith({}), stateDir, systemClock, silentLogger);
  await broker.start();
  await broker.ensureTopic(POWER_TOPIC, { partitions: 1, retentionMs: 3_600_000 });
  for (const value of values) await broker.append(POWER_TOPIC, 0, [{ key: 'home', value: Buffer.from(value) }]);
  await broker.stop();
}

/** Waits until the edge tells this figure. */
async function untilTold(url: string, line: string): Promise<void> {
  const endMs = systemClock.monotonicMs() + PATIENT_MS;
  let text = 'nothing';
  while (systemClock.monotonicMs() < endMs) {
    text = await fetch(url).then(
      (response) => response.text(),
      (error: unknown) => String(error),
    );
    if (text.includes(line)) return;
    await systemClock.sleep(LOOK_EVERY_MS);
  }
  assert.fail(`never ${line}: ${text}`);
}

test('an edge tells of a damaged topic that another part has set aside, while its folder is there', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-damaged-topic-'));
  t.after(() => rmSync(stateDir, { recursive: true, force: true }));
  const file = join(stateDir, 'broker', 'broker.db');
  await append(stateDir, ['a', 'b']);
  assert.equal(topicDamage(configWith({}), stateDir), 0);
  truncateSync(file, statSync(file).size / 2);
  await append(stateDir, ['c']);
  assert.equal(topicDamage(configWith({}), stateDir), 1);
  assert.equal(topicDamage(configWith({ 'broker.kind': 'kafka' }), stateDir), 0, 'that topic is not here');
  const [status, heartbeat, data] = [await freePort(), await freePort(), await freePort()];
  const sets = [`edge.status_port=${status}`, `link.heartbeat_port=${heartbeat}`, `link.data_port=${data}`, 'edge.id=edge-1'];
  const edge = spawn(process.execPath, [ENTRY, 'edge', '--json', '--state', stateDir, ...sets.flatMap((set) => ['--set', set])], {
    stdio: 'ignore',
  });
  const ended = once(edge, 'close');
  t.after(async () => {
    edge.kill('SIGKILL');
    await ended;
  });
  const metrics = `http://127.0.0.1:${status}/metrics`;
  await untilTold(metrics, 'fogline_edge_topic_damage{edge="edge-1"} 1\n');
  rmSync(join(stateDir, 'broker', SET_ASIDE_FOLDER), { recursive: true });
  await untilTold(metrics, 'fogline_edge_topic_damage{edge="edge-1"} 0\n');
});
