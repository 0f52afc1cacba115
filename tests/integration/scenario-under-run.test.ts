/** `fogline run --scenario FILE` as people start it: what it says it runs, what it makes, what it refuses before anything starts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from '../crash/fleet.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { writeMeteredData } from '../truth/metered-data.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(ROOT, 'dist/fogline.js');
const STREET = join(ROOT, 'edge/simulator/scenario/street.scenario.jsonc');
/** A process that takes longer is stuck. */
const DEADLINE_MS = 180_000;

const folder = mkdtempSync(join(tmpdir(), 'fogline-scenario-run-'));
before(ensureBuilt);
after(() => rmSync(folder, { recursive: true, force: true }));

function fogline(...args: string[]) {
  return spawnSync(process.execPath, [ENTRY, ...args], { cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS });
}

function run(file: string, state: string, ...more: string[]) {
  return fogline('run', '--scenario', file, '--state', state, '--exit-when-done', ...ANY_PORTS, ...more);
}

/** The street at another pace, with a word more or less. */
function streetWith(name: string, change: (text: string) => string): string {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(STREET, 'utf8')));
  return path;
}

const ALL_THERE_IS = { homes: { model: 'household' } };
const HOMES = {
  simulator: 'homes',
  model: 'Household',
  onePerFile: { dataset: 'households' },
  params: { file: '%(path)s', household: '%(household)s', firstLine: '%(firstLine)s' },
};
const SINK = { simulator: 'topic', model: 'Topic' };

test('run says which scenario it runs, at its own pace, and speaks of no synthetic households', () => {
  const file = streetWith('faster.jsonc', (text) => text.replace('"speed": 60', '"speed": 30'));
  const { status, stdout, stderr } = run(file, 'faster', '--until', '60');
  assert.equal(status, 0, stderr);
  const told = stdout.split('\n').filter((line) => /^(runs|replays) /.test(line));
  const street = `${file} (A street of 50 households): 400 entities from 2023-06-21T00:00:00.000Z`;
  assert.deepEqual(told, [`runs      ${street}, 00:00:00 to 00:01:00, at 30× speed: about 2 s`]);
  assert.doesNotMatch(stdout, /synthetic|replay/);
  assert.match(stdout, /^simulation finished: 50 households, 600 readings published, 600 stored/m);
  assert.ok(!existsSync(join(folder, 'faster/sample')));
});

test('run replays households of a scenario file, and says so', () => {
  writeMeteredData(join(folder, 'homes'), { households: 2, seconds: 60, seed: 1 });
  const file = join(folder, 'homes.json');
  const simulators = { ...ALL_THERE_IS, topic: { model: 'topic' } };
  const connections = [{ from: 'homes', to: 'sink', pattern: 'manyToOne', attributes: ['readings', 'skipped'] }];
  writeFileSync(file, JSON.stringify({ speed: 'max', simulators, entities: { homes: HOMES, sink: SINK }, connections }));
  const { status, stdout, stderr } = run(file, 'homes-state', '--data', 'homes');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^runs {6}\S+homes\.json: 2 households from \S+, 00:00:00 to 00:0\d:\d\d, as fast as it goes$/m);
  assert.match(stdout, /^replay finished: 2 households, /m);
});

test('run refuses before anything starts: no topic, a mistake in the file', () => {
  const alone = join(folder, 'alone.json');
  writeFileSync(alone, JSON.stringify({ simulators: ALL_THERE_IS, entities: { homes: HOMES } }));
  const { status, stderr } = run(alone, 'alone');
  assert.equal(status, 2, stderr);
  assert.match(stderr, /^fogline run ends: scenario: the scenario \S+alone\.json has no simulator topic, so nothing would ever reach/);
  assert.match(stderr, /what to do: run it alone: npx fogline simulate --scenario \S+alone\.json\. .*"model": "topic"/);
  const unfed = streetWith('unfed.jsonc', (text) => text.replace(/\{ "from": "meters", "to": "sink".*\}/, ''));
  assert.match(run(unfed, 'unfed').stderr, /the scenario \S+unfed\.jsonc connects nothing to its topic, so nothing would ever reach/);
  const wrong = streetWith('wrong.jsonc', (text) => text.replace('"until": 86400', '"untill": 86400'));
  const refused = run(wrong, 'wrong');
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /wrong\.jsonc:\d+: untill: /);
  for (const state of ['alone', 'wrong'])
    for (const part of ['simulator', 'cloud', 'logs']) assert.ok(!existsSync(join(folder, state, part)));
});

test('the recording of a simulator that was killed under run is kept aside and told', () => {
  const trace = join(folder, 'street.trace');
  const args = [
    ENTRY,
    'run',
    '--scenario',
    STREET,
    '--state',
    'killed',
    '--until',
    '60',
    '--speed',
    'max',
    '--exit-when-done',
    ...ANY_PORTS,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '--set', `simulation.record_file=${trace}`], {
    ...{ cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS },
    // After some seconds: what is recorded reaches the file within one.
    env: { ...process.env, FOGLINE_FAILPOINT: 'simulator_after_append_before_resume_save:25' },
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /simulate ended \(signal SIGKILL\)/);
  assert.match(stdout, /simulate: the earlier recording is kept as \S+street\.trace\.1\n {2}what to do: look.* npx fogline trace show /);
  for (const file of [trace, `${trace}.1`]) {
    const shown = fogline('trace', 'show', file, '--simulator', 'pv', '--to', '5');
    assert.equal(shown.status, 0, shown.stderr);
    assert.match(shown.stdout, /pv/);
  }
});

test('a simulator killed under run loses no row of its CSV file, of earlier passes neither; the same command again leaves it', () => {
  writeMeteredData(join(folder, 'looped'), { households: 2, seconds: 60, seed: 2 });
  const options = ['--data', 'looped', '--loop', '--until', '1200', '--speed', 'max', '--exit-when-done', ...ANY_PORTS];
  const runInto = (csv: string, state: string, failpoint?: string) => {
    const args = [ENTRY, 'run', '--state', state, ...options, '--set', `simulation.collect_file=${join(folder, csv)}`];
    const env = { ...process.env, ...(failpoint === undefined ? {} : { FOGLINE_FAILPOINT: failpoint }) };
    return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS, env });
  };
  const text = (csv: string) => readFileSync(join(folder, csv), 'utf8');
  const undisturbed = runInto('undisturbed.csv', 'undisturbed');
  assert.equal(undisturbed.status, 0, undisturbed.stderr);
  const killed = runInto('killed.csv', 'killed-loop', 'simulator_after_resume_save:12');
  assert.equal(killed.status, 0, killed.stderr);
  assert.match(killed.stdout, /simulate ended \(signal SIGKILL\)/);
  assert.ok(text('undisturbed.csv').length > 100_000);
  assert.equal(text('killed.csv'), text('undisturbed.csv'));
  const again = runInto('killed.csv', 'killed-loop');
  assert.equal(again.status, 0, again.stderr);
  assert.equal(text('killed.csv'), text('undisturbed.csv'));
});
