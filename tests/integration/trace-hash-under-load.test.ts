/** The street as processes: the trace hash does not depend on what else the machine does, nor on the pace; on the seed it does. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ChildEvent, ScenarioSummary } from '../../common/child-events.ts';
import { ensureBuilt } from '../crash/fleet.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(ROOT, 'dist/fogline.js');
const STREET = join(ROOT, 'edge/simulator/scenario/street.scenario.jsonc');
const HOUSEHOLDS = 50;
const SIMULATED_SECONDS = 300;
const STEP_SECONDS = 5;
/** A process that takes longer is stuck; a busy one ends by itself then, should nobody end it. */
const DEADLINE_MS = 180_000;
/** More than the machine has processors, so that the run waits for its turn. */
const BUSY_PROCESSES = availableParallelism() + 2;
const BUSY = `process.stdout.write('busy'); const end = Date.now() + ${DEADLINE_MS}; while (Date.now() < end);`;

const folder = mkdtempSync(join(tmpdir(), 'fogline-load-'));
before(ensureBuilt);
after(() => rmSync(folder, { recursive: true, force: true }));

interface Told extends ScenarioSummary {
  published: number;
}

/** What the run of a state of its own says at its end. */
function street(state: string, file: string, ...more: string[]): Told {
  const args = [ENTRY, 'simulate', '--scenario', file, '--until', String(SIMULATED_SECONDS), '--state', state, '--json', ...more];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS });
  assert.equal(status, 0, stderr);
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as ChildEvent;
  assert.ok(last.event === 'finished' && last.scenario !== undefined, stdout);
  return { ...last.scenario, published: last.published };
}

async function beside<T>(act: () => T): Promise<T> {
  const busy: ChildProcess[] = [];
  try {
    for (let i = 0; i < BUSY_PROCESSES; i++) {
      const child = spawn(process.execPath, ['-e', BUSY], { stdio: ['ignore', 'pipe', 'inherit'] });
      busy.push(child);
      await once(child.stdout, 'data');
    }
    const result = act();
    for (const { exitCode, signalCode } of busy) assert.deepEqual([exitCode, signalCode], [null, null], 'it was busy to the end');
    return result;
  } finally {
    await Promise.all(busy.map((child) => (child.kill('SIGKILL') ? once(child, 'close') : undefined)));
  }
}

test('two runs of the street, one among busy processes and at a pace, have one trace hash; another seed has another', async () => {
  const quiet = street('quiet', STREET, '--speed', 'max');
  const loaded = await beside(() => street('loaded', STREET, '--speed', '100'));
  const steps = SIMULATED_SECONDS / STEP_SECONDS;
  for (const { traceHash, published, profile } of [quiet, loaded]) {
    assert.match(traceHash, /^[0-9a-f]{16}$/);
    assert.equal(published, HOUSEHOLDS * steps);
    assert.ok(profile.every((its) => its.steps >= steps));
  }
  assert.equal(loaded.traceHash, quiet.traceHash);
  assert.equal(loaded.steps, quiet.steps);
  const file = join(folder, 'seeded.jsonc');
  writeFileSync(file, readFileSync(STREET, 'utf8').replace('"seed": 17', '"seed": 18'));
  const seeded = street('seeded', file, '--speed', 'max');
  assert.deepEqual([seeded.published, seeded.profile.length], [quiet.published, quiet.profile.length]);
  assert.notEqual(seeded.traceHash, quiet.traceHash);
});
