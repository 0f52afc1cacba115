import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../common/process-identity.ts';
import type { Summary } from '../../supervisor/run-view.ts';
import type { LockContent } from '../../supervisor/state-dir.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { until } from '../doubles/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPTED_RUN = fileURLToPath(new URL('../doubles/scripted-run.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fogline-run-'));
const spawned: ChildProcess[] = [];
let states = 0;
const newState = () => join(folder, `state-${++states}`);

after(() => {
  for (const child of spawned) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 50 });
});

interface Started {
  child: ChildProcess;
  output(): { stdout: string; stderr: string };
  ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
}

function start(state: string, script: Record<string, string>, ...args: string[]): Started {
  const env = { ...process.env, SCRIPTED_PARTS: JSON.stringify(script), FOGLINE_FAILPOINT: 'edge_before_send' };
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPTED_RUN, 'run', '--state', state, ...ANY_PORTS, ...args], {
    cwd: ROOT,
    env,
  });
  spawned.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const ended = new Promise<Awaited<Started['ended']>>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, output: () => ({ stdout, stderr }), ended };
}

const run = (state: string, script: Record<string, string>, ...args: string[]) => start(state, script, '--exit-when-done', ...args).ended;

function summaryIn(stdout: string): Summary {
  const lines = stdout.trim().split('\n');
  for (const line of lines) JSON.parse(line);
  return JSON.parse(lines.at(-1)!) as Summary;
}

function lockOf(state: string): LockContent | undefined {
  try {
    return JSON.parse(readFileSync(join(state, 'run.lock'), 'utf8')) as LockContent;
  } catch {
    return undefined;
  }
}

/** Waits until all parts run and the page's address is known. */
const running = (state: string, parts = 3) =>
  until(() => {
    const lock = lockOf(state);
    return lock !== undefined && lock.children.length === parts && lock.url !== '' && existsSync(join(state, 'edge-starts')) && lock;
  }, 'all parts run');

test('a run to the end: exit 0, one summary line of JSON, the parts stopped in order', async () => {
  const state = newState();
  const { code, stdout, stderr } = await run(state, {}, '--json');
  assert.equal(code, 0, stderr);
  const { seconds, ...summary } = summaryIn(stdout);
  assert(seconds > 0);
  const expected = { event: 'summary', run: 'run-1', households: 2, readings: 42, published: 42, quarantined: 1, unreadable: 0, queued: 0 };
  assert.deepEqual(summary, { ...expected, parked: [], restarts: 0, exitCode: 0 });
  const stoppedAt = (part: string) => BigInt(readFileSync(join(state, `${part}-stopped`), 'utf8'));
  assert(stoppedAt('edge') < stoppedAt('cloud'), 'the edge stops before the cloud');
  assert.equal(lockOf(state), undefined, 'the lock is gone');
});

test('for people: address, what is replayed, how long, what next, and the end', async () => {
  const { code, stdout } = await run(newState(), {});
  assert.equal(code, 0);
  assert.match(stdout, /^Fogline {3}http:\/\/127\.0\.0\.1:\d+$/m);
  assert.match(stdout, /replays {3}2 synthetic households from 2019-12-24T00:00:00Z, 00:00:00 to 00:01:00, at 60× speed: about 1 s/);
  assert.match(stdout, /next {6}npx fogline export --state /);
  assert.match(stdout, /replay finished: 2 households, 42 readings published, 42 stored \(all runs of this state\)/);
});

test('the gRPC door is told where the settings open one, on the screen and in the ready event', async () => {
  const door = ['--set', 'cloud.grpc_port=9090'];
  const { stdout } = await run(newState(), {}, ...door);
  assert.match(
    stdout,
    /^gRPC {6}127\.0\.0\.1:9090 {3}\(definitions: http:\/\/127\.0\.0\.1:\d+\/api\/protos\/fogline\/v1\/fogline\.proto\)$/m,
  );
  const readyIn = (text: string) =>
    text.split('\n').flatMap((line) => (/"event":"ready"/.test(line) ? [JSON.parse(line) as object] : []))[0];
  const told = await run(newState(), {}, '--json', ...door);
  assert.deepEqual((readyIn(told.stdout) as { grpcPort?: number }).grpcPort, 9_090);
  const without = await run(newState(), {}, '--json');
  assert.ok(!('grpcPort' in (readyIn(without.stdout) ?? { grpcPort: 0 })));
});

test('a part that is killed starts again, is counted, and its failpoint does not kill it again', async () => {
  for (const part of ['edge', 'cloud', 'simulate']) {
    const state = newState();
    const { code, stdout, stderr } = await run(state, { [part]: 'killed_once' }, '--json');
    assert.equal(code, 0, stderr);
    assert.equal(summaryIn(stdout).restarts, 1);
    assert.match(stderr, new RegExp(`${part} ended \\(signal SIGKILL\\), starts again in 0\\.2 s`));
    assert.equal(readFileSync(join(state, `${part}-starts`), 'utf8'), 'edge_before_send\nno failpoint\n');
  }
});

test('a part that refuses its configuration ends the run with its exit code, message and remedy', async () => {
  const { code, stdout, stderr } = await run(newState(), { simulate: 'refuses' }, '--json');
  assert.equal(code, 2);
  assert.match(stderr, /simulate: simulate belongs to another data set\n {2}what to do: --fresh/);
  assert.equal(summaryIn(stdout).exitCode, 2);
  assert.match(summaryIn(stdout).error ?? '', /another data set/);
  assert.equal((await run(newState(), { simulate: 'no_data' })).code, 4);
  assert.equal((await run(newState(), { sample: 'refuses' })).code, 2);
});

test('a part with a damaged store ends the run at once, with exit code 1, its file and what to do', async () => {
  for (const part of ['cloud', 'edge', 'simulate']) {
    const state = newState();
    const { code, stdout, stderr } = await run(state, { [part]: 'damaged' }, '--json');
    assert.equal(code, 1, stderr);
    assert.match(stderr, new RegExp(`${part}: ${part}\\.db is damaged \\[STORE_DAMAGED\\]\\n {2}what to do: look at it`));
    assert.equal(summaryIn(stdout).restarts, 0);
    assert.equal(
      readFileSync(join(state, `${part}-starts`), 'utf8')
        .trim()
        .split('\n').length,
      1,
    );
  }
});

test('a run that was to end by itself and is stopped before does not look finished', async () => {
  const started = start(newState(), { simulate: 'goes_on' }, '--exit-when-done');
  await until(() => started.output().stdout.includes('replays'), 'the run has begun');
  started.child.kill('SIGTERM');
  assert.equal((await started.ended).code, 130);
});

test('a parked household is named and makes the exit code 1', async () => {
  const { code, stdout } = await run(newState(), { edge: 'parks' });
  assert.equal(code, 1);
  assert.match(stdout, /parked: h1: second source/);
});

test('a simulator that has parked a household ends with exit code 1, and is not started again', async () => {
  const state = newState();
  const { code, stdout, stderr } = await run(state, { simulate: 'parks' }, '--json');
  assert.equal(code, 1, stderr);
  const { parked, restarts, exitCode } = summaryIn(stdout);
  assert.deepEqual(
    { parked, restarts, exitCode },
    { parked: [{ household: 'h2', reason: 'h2.csv can not be opened' }], restarts: 0, exitCode: 1 },
  );
  assert.equal(readFileSync(join(state, 'simulate-starts'), 'utf8').trim().split('\n').length, 1);
});

test('a finished state is served again; --fresh keeps it aside', async () => {
  const state = newState();
  await run(state, {});
  const again = await run(state, {});
  assert.match(again.stdout, /finished at \d{4}-\d\d-\d\dT[\d:.]+Z; --fresh starts over/);
  const fresh = await run(state, {}, '--fresh');
  assert.equal(fresh.code, 0);
  assert.doesNotMatch(fresh.stdout, /finished at/);
  const aside = readdirSync(dirname(state)).filter((name) => name.startsWith(`${basename(state)}.old-`));
  assert.equal(aside.length, 1);
  assert(existsSync(join(dirname(state), aside[0]!, 'finished.json')));
  assert.match(fresh.stdout, /the old state is kept in /);
});

test('without --exit-when-done the page stays until Ctrl-C, which is exit 130; SIGTERM is exit 0', async () => {
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 0] as const]) {
    const state = newState();
    const started = start(state, {});
    await until(() => started.output().stdout.includes('replay finished; Ctrl-C ends'), 'the end is announced');
    const lock = await running(state, 2);
    started.child.kill(signal);
    assert.equal((await started.ended).code, code);
    assert.deepEqual(lock.children.filter(isAlive), []);
    assert(existsSync(join(state, 'cloud-stopped')));
  }
});

test('the parts end when run is killed with -9, and the state can be taken again', async () => {
  const state = newState();
  const first = start(state, { simulate: 'goes_on' });
  const lock = await running(state);
  first.child.kill('SIGKILL');
  await first.ended;
  const again = await run(state, {}, '--json');
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(lock.children.filter(isAlive), [], 'the second run waited for what the first left');
});

test('a part that ignores everything ends too when run is gone', async () => {
  const state = newState();
  const first = start(state, { simulate: 'goes_on', cloud: 'does_not_stop' });
  const lock = await running(state);
  first.child.kill('SIGKILL');
  await first.ended;
  await until(() => lock.children.every((child) => !isAlive(child)), 'no part is left');
});

test('a live state is locked: the second run says where the first is', async () => {
  const state = newState();
  const first = start(state, { simulate: 'goes_on' });
  const { url } = await running(state);
  for (const more of [[], ['--fresh']]) {
    const second = await run(state, {}, ...more);
    assert.equal(second.code, 2);
    assert(second.stderr.includes(`already running at ${url}`), second.stderr);
  }
  first.child.kill('SIGINT');
  assert.equal((await first.ended).code, 130);
});

test('a taken port is replaced by a free one, which is said and which the part is given', async () => {
  const squatter = await new Promise<Server>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
  });
  const { port } = squatter.address() as { port: number };
  const state = newState();
  const { code, stdout } = await run(state, {}, '--set', `cloud.http_port=${port}`);
  squatter.close();
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`http://127\\.0\\.0\\.1:(?!${port})\\d+ {3}\\(${port} was taken\\)`));
  const settings = JSON.parse(readFileSync(join(state, 'cloud-settings'), 'utf8'));
  assert.notEqual(settings.cloud.http_port, port);
  assert(settings.cloud.http_port > 0 && settings.link.data_port > 0 && settings.link.heartbeat_port > 0);
});

test('a port that somebody takes after it was chosen: all parts start again on other ports, and nobody has to do anything', async () => {
  const state = newState();
  const { code, stdout, stderr } = await run(state, { cloud: 'port_taken' }, '--json');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /somebody took a port at this moment: all parts start again, on ports that are free now/);
  assert.deepEqual([summaryIn(stdout).readings, summaryIn(stdout).queued], [42, 0]);
  const starts = (part: string) =>
    readFileSync(join(state, `${part}-starts`), 'utf8')
      .trim()
      .split('\n').length;
  assert.deepEqual([starts('cloud'), starts('edge'), starts('simulate')], [3, 2, 2]);
  const always = await run(newState(), { cloud: 'port_always_taken' });
  assert.equal(always.code, 3);
  // A port that the operator has fixed is the operator's to change.
  const fixed = newState();
  const refused = await run(fixed, { edge: 'port_always_taken' });
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /edge: a port is taken \[PORT_TAKEN\]\n {2}what to do: stop what listens there/);
  assert.equal(readFileSync(join(fixed, 'edge-starts'), 'utf8').trim().split('\n').length, 2);
  assert.match(always.stderr, /cloud: a port is taken \[PORT_TAKEN\]\n {2}what to do: stop what listens there/);
});

test('synthetic data are labelled and their postal codes are used, unless the operator chose otherwise', async () => {
  const state = newState();
  await run(state, {});
  const settings = JSON.parse(readFileSync(join(state, 'cloud-settings'), 'utf8'));
  assert.equal(settings.dashboard.data_label, 'synthetic');
  assert.equal(settings.cloud.households_file, join(state, 'sample', 'households.json'));
  const other = newState();
  await run(other, {}, '--set', 'dashboard.data_label=mine', '--set', 'cloud.households_file=/elsewhere.json');
  const chosen = JSON.parse(readFileSync(join(other, 'cloud-settings'), 'utf8'));
  assert.equal(chosen.dashboard.data_label, 'mine');
  assert.equal(chosen.cloud.households_file, '/elsewhere.json');
});

test('a service that is not there: reason and remedy at the first end, once; the edge does not begin on a new Kafka', async () => {
  const state = newState();
  const { code, stdout, stderr } = await run(state, { simulate: 'unreached' }, '--json', '--set', 'broker.kind=kafka');
  assert.equal(code, 3, stderr);
  assert.match(stderr, /^simulate ended \(exit code 3\), starts again in 0\.2 s\n {2}no Kafka\n {2}what to do: start it$/m);
  assert.equal(stderr.split('  no Kafka\n').length, 2, 'told once before the end');
  const restarts = stdout.split('\n').filter((line) => line.includes('"event":"restart"'));
  assert.equal(restarts.length, 2);
  assert.match(restarts[0] as string, /"code":"BROKER_UNREACHABLE","message":"no Kafka","hint":"start it"/);
  assert.equal(existsSync(join(state, 'edge-starts')), false);
});
