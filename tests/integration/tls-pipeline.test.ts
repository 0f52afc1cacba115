/** Simulator, edge and cloud as processes, with the link over mutual TLS on 127.0.0.1: from `fogline certs` to a clean audit. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
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
  assert.equal(certs('init').status, 0);
  const made = certs('edge', 'edge-7', '--any-household', '--out', bundle);
  assert.equal(made.said.edge, 'edge-7');
  assert.equal(statSync(bundle).mode & 0o777, 0o600);
  const state = newPath();
  run(state, dataDir, ...tls);
  const report = audit(state);
  assertYes(report);
  assertSameAtEveryStage(report);
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
