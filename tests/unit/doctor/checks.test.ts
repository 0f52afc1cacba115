import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EmbeddedBroker } from '../../../common/broker/embedded-broker.ts';
import { systemClock } from '../../../common/clock.ts';
import { configWith } from '../../../common/config.ts';
import { OperatingError } from '../../../common/errors.ts';
import { silentLogger } from '../../../common/logger.ts';
import { type InspectableBroker, inspectBroker, topicCheck } from '../../../doctor/broker-checks.ts';
import { certChecks } from '../../../doctor/cert-checks.ts';
import { exitCodeFor, lineOf, missing, ok, unreachable, warn } from '../../../doctor/check.ts';
import { compilerCheck, nodeCheck, nodeRange } from '../../../doctor/node-checks.ts';
import { inodesOf } from '../../../doctor/port-checks.ts';
import { factChecks, factsOf } from '../../../doctor/redis-checks.ts';
import { REMEDIES } from '../../../doctor/remedies.ts';
import { spaceCheckOf, syncCheckOf } from '../../../doctor/state-checks.ts';
import { testCerts } from '../../doubles/test-certs.ts';

const DAY_MS = 86_400_000;
const states = (checks: readonly { state: string }[]) => checks.map(({ state }) => state);

test('exit 0 with warnings, 1 when something is missing, 3 when a service does not answer', () => {
  assert.equal(exitCodeFor([]), 0);
  assert.equal(exitCodeFor([ok('a', 'x'), warn('b', 'x', 'y')]), 0);
  assert.equal(exitCodeFor([missing('a', 'x', 'y'), ok('b', 'x')]), 1);
  assert.equal(exitCodeFor([missing('a', 'x', 'y'), unreachable('b', 'x', 'y')]), 3);
});

test('one line per check, whatever is in it, with the remedy at its end', () => {
  assert.equal(lineOf(warn('sync', 'two\nlines', 'mend it')), 'warn     sync            two lines → mend it');
});

test('node: the releases of package.json', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  assert.equal(engines.node, nodeRange());
  for (const [version, state] of [
    ['20.19.0', 'ok'],
    ['20.18.9', 'missing'],
    ['9.99.99', 'missing'],
    ['21.7.3', 'missing'],
    ['22.11.9', 'missing'],
    ['22.12.0', 'ok'],
    ['22.23.3', 'ok'],
    ['24.21.0', 'missing'],
    ['100.1.0', 'missing'],
  ] as const) {
    assert.equal(nodeCheck(version, 'checkout').state, state, version);
  }
});

test('compiler: names exactly what is not there', () => {
  const check = compilerCheck((program) => program === 'make');
  assert.deepEqual([check.state, check.says], ['warn', 'no python3, g++']);
  assert.match(check.remedy ?? '', /apt install python3 g\+\+ /);
  assert.equal(compilerCheck(() => true).state, 'ok');
});

test('space and sync', () => {
  assert.deepEqual(states([spaceCheckOf(1e8, 8e9), spaceCheckOf(1e9, 8e9), spaceCheckOf(9e9, 8e9)]), ['missing', 'warn', 'ok']);
  assert.deepEqual(syncCheckOf([1, 900, 2]), ok('sync', '2.00 ms median, 900.00 ms at most'));
  assert.equal(syncCheckOf([60, 70, 1]).state, 'warn');
});

test('ports: the listening socket is found in the table of the kernel, a connected one is not', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:138E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000 100 0 0 10 0',
    '   1: 0100007F:138E 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000 20 4 30 10 -1',
    '   2: 0100007F:138F 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0000 100 0 0 10 0',
  ];
  assert.deepEqual(inodesOf(table.join('\n'), 5006), ['4711']);
});

test('topics: log append time is needed, two weeks are wished for', () => {
  const topic = { topic: 'power_topic', partitions: 4, retentionMs: 14 * DAY_MS, logAppendTime: true };
  assert.equal(topicCheck(topic).state, 'ok');
  assert.equal(topicCheck({ ...topic, retentionMs: -1 }).state, 'ok');
  assert.equal(topicCheck({ ...topic, retentionMs: 7 * DAY_MS }).state, 'warn');
  assert.equal(topicCheck({ ...topic, logAppendTime: false }).state, 'missing');
  assert.match(topicCheck({ ...topic, logAppendTime: false }).remedy ?? '', /message\.timestamp\.type=LogAppendTime/);
});

test('broker: asked through its contract; what it tells beyond that is judged; it is stopped again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-doctor-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const open = (name: string): InspectableBroker =>
    new EmbeddedBroker({ folder: join(folder, name), quotaBytes: 2 ** 26, clock: systemClock, logger: silentLogger });
  assert.deepEqual(await inspectBroker(open('a'), systemClock, 'checkout'), [ok('kafka', 'answers')]);
  const topics = [{ topic: 'power_topic', partitions: 4, retentionMs: DAY_MS, logAppendTime: true }];
  const telling = Object.assign(open('b'), { inspect: () => Promise.resolve({ server: 'one node', topics }) });
  assert.deepEqual(states(await inspectBroker(telling, systemClock, 'checkout')), ['ok', 'warn']);
  writeFileSync(join(folder, 'c'), 'a file in the way');
  assert.deepEqual(states(await inspectBroker(open('c'), systemClock, 'checkout')), ['missing']);
  const error = new OperatingError('BROKER_UNREACHABLE', 'nobody at 127.0.0.1:9', { retryable: true, hint: 'start it' });
  const deaf = Object.assign(open('d'), { start: () => Promise.reject(error) });
  assert.deepEqual(await inspectBroker(deaf, systemClock, 'checkout'), [unreachable('kafka', 'nobody at 127.0.0.1:9', 'start it')]);
});

test('redis: memory and password, from what INFO says', () => {
  const memory = '# Memory\r\nused_memory:950\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\nevicted_keys:3\r\n';
  const info = `# Server\r\nredis_version:7.0.15\r\n${memory}`;
  const facts = factsOf(info, true);
  assert.deepEqual(facts, {
    version: '7.0.15',
    hasPassword: true,
    maxMemoryBytes: 1000,
    usedBytes: 950,
    policy: 'noeviction',
    evictedKeys: 3,
  });
  assert.deepEqual(states(factChecks(facts)), ['ok', 'warn']);
  assert.deepEqual(states(factChecks({ ...facts, usedBytes: 100 })), ['ok', 'ok']);
  assert.deepEqual(states(factChecks({ ...facts, maxMemoryBytes: 0, hasPassword: false })), ['ok', 'warn', 'ok']);
  const evicting = factChecks({ ...facts, usedBytes: 100, policy: 'allkeys-lru' });
  assert.deepEqual(states(evicting), ['ok', 'warn']);
  assert.match(evicting[1]?.says ?? '', /3 keys were/);
});

test('certificates: nothing without settings, days left, a warning in the last 30, and what can not be used', async () => {
  using certs = await testCerts();
  const bundle = await certs.bundle('edge-1', { days: 40 });
  const config = configWith({ 'link.certs_dir': certs.dir, 'link.bundle_file': bundle });
  const nowMs = systemClock.nowMs();
  assert.deepEqual(certChecks(configWith({}), nowMs), []);
  assert.deepEqual(states(certChecks(config, nowMs)), ['ok', 'ok']);
  assert.deepEqual(states(certChecks(config, nowMs + 11 * DAY_MS)), ['ok', 'warn']);
  assert.deepEqual(states(certChecks(config, nowMs + 336 * DAY_MS)), ['warn', 'missing']);
  chmodSync(bundle, 0o644);
  const [, open] = certChecks(config, nowMs);
  assert.equal(open?.state, 'missing');
  assert.match(open?.remedy ?? '', /chmod 600/);
});

test('each place has remedies that can be done there', () => {
  assert.match(nodeCheck('18.0.0', 'checkout').remedy ?? '', /npm ci/);
  for (const place of ['release', 'image'] as const)
    for (const [name, remedy] of Object.entries(REMEDIES[place])) assert.doesNotMatch(remedy, /npm|apt install/, `${place} ${name}`);
  for (const remedy of Object.values(REMEDIES.release)) assert.doesNotMatch(remedy, /docker/);
});
