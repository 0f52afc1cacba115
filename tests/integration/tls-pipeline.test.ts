/** Simulator, edge and cloud as processes, with the link over mutual TLS on 127.0.0.1: from `fogline certs` to a clean audit. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import {
  assertSameAtEveryStage,
  assertYes,
  audit,
  cleanUp,
  dataDir,
  fogline,
  folder,
  newPath,
  prepare,
  run,
  whole,
} from '../doubles/audited-run.ts';
import { until } from '../doubles/until.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const certsDir = join(folder, 'ca');
const bundle = join(folder, 'edge-7.pem');
const tls = ['--set', 'link.tls=on', '--set', `link.certs_dir=${certsDir}`, '--set', `link.bundle_file=${bundle}`];

function certs(...args: string[]) {
  const result = fogline('certs', ...args, '--dir', certsDir, '--json');
  return { ...result, said: result.status === 0 ? JSON.parse(result.stdout) : undefined };
}

before(() => prepare());
after(() => cleanUp());

test('certificates in two commands; a run over TLS ends with a clean audit, by the id of the certificate', () => {
  // An address that nobody has: a run finds its own cloud whatever the bundle says.
  assert.equal(certs('init', '--host', 'cloud.invalid').status, 0);
  const made = certs('edge', 'edge-7', '--any-household', '--out', bundle);
  assert.equal(made.said.edge, 'edge-7');
  assert.equal(statSync(bundle).mode & 0o777, 0o600);
  const state = newPath();
  run(state, dataDir, ...tls);
  const report = audit(state);
  assertYes(report);
  assertSameAtEveryStage(report);
  assert.match(readFileSync(join(state, 'logs', 'cloud.log'), 'utf8'), /"edge":"edge-7"/);
  // The same without the certificate does not go on in plaintext.
  const without = fogline(
    'run',
    '--data',
    dataDir,
    '--state',
    newPath(),
    '--exit-when-done',
    '--json',
    '--set',
    'link.tls=on',
    ...ANY_PORTS,
  );
  assert.equal(without.status, 2, without.stdout);
  assert.match(without.stdout + without.stderr, /link\.tls = on, but link\.(bundle_file|certs_dir) is empty/);
});

test('households of another group park, each by itself; the others arrive; allowed and resumed, they arrive too', () => {
  const mine = audit(whole).devices.map(({ household }) => household);
  const [allowed, ...foreign] = mine as [string, ...string[]];
  assert.ok(foreign.length > 0);
  const narrow = join(folder, 'edge-8.pem');
  assert.equal(certs('edge', 'edge-8', '--households', allowed, '--out', narrow).status, 0);
  const state = newPath();
  const args = [
    'run',
    '--data',
    dataDir,
    '--state',
    state,
    '--speed',
    'max',
    '--exit-when-done',
    '--json',
    ...tls,
    '--set',
    `link.bundle_file=${narrow}`,
  ];
  const first = fogline(...args, ...ANY_PORTS);
  assert.equal(first.status, 1, first.stderr.slice(-2_000));
  const parked = JSON.parse(fogline('parked', 'list', '--state', state, '--json').stdout);
  assert.deepEqual(parked.parked.map(({ household }: { household: string }) => household).sort(), [...foreign].sort());
  for (const { reason } of parked.parked) assert.match(reason, /edge-8 may not own it.*fogline certs allow edge-8/);
  const devices = audit(state).devices;
  const stored = (household: string) => devices.find((its) => its.household === household)?.cloud?.readings ?? 0;
  assert.ok(stored(allowed) > 100);
  for (const household of foreign) assert.equal(stored(household), 0);

  assert.equal(certs('allow', 'edge-8', '--households', foreign.join(',')).status, 0);
  assert.equal(fogline('parked', 'resume', '--state', state).status, 0);
  const second = fogline(...args, ...ANY_PORTS);
  assert.equal(second.status, 0, `${second.stdout.slice(-2_000)}${second.stderr.slice(-2_000)}`);
  const report = audit(state);
  assertYes(report);
  assertSameAtEveryStage(report);
});

test('revoked while it ships: ended without a restart, it says who must act; a new bundle in its place ends in a clean audit', async () => {
  const file = join(folder, 'edge-9.pem');
  assert.equal(certs('edge', 'edge-9', '--any-household', '--out', file).status, 0);
  const state = newPath();
  const args = ['run', '--data', dataDir, '--state', state, '--speed', '200', '--exit-when-done', '--json', ...tls];
  const child = spawn(process.execPath, [ENTRY, ...args, '--set', `link.bundle_file=${file}`, ...ANY_PORTS], {
    cwd: folder,
    stdio: 'ignore',
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  try {
    const log = (part: string) => {
      const file = join(state, 'logs', `${part}.log`);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    };
    await until(() => log('cloud').includes('"edge":"edge-9"'), 'the edge at the cloud');
    assert.equal(certs('revoke', 'edge-9').status, 0);
    await until(() => /the certificate of edge edge-9 is revoked.*fogline certs edge edge-9/.test(log('edge')), 'the edge to say so');
    assert.match(log('cloud'), /"reason":"revoked"/);
    const renewed = join(folder, 'edge-9-renewed.pem');
    assert.equal(certs('edge', 'edge-9', '--out', renewed).status, 0);
    renameSync(renewed, file);
    assert.equal(await ended, 0);
  } finally {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
  }
  const report = audit(state);
  assertYes(report);
  assertSameAtEveryStage(report);
});
