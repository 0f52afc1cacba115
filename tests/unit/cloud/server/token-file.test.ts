import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDoors } from '../../../../cloud/server/open-doors.ts';
import { CHECK_EVERY_MS, TokenFile, TOKENS_MAX } from '../../../../cloud/server/token-file.ts';
import { configWith } from '../../../../common/config.ts';
import { ConfigError } from '../../../../common/errors.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

function stateFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-tokens-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('of a token only its hash is kept, in a file of its owner alone', (t) => {
  const file = new TokenFile(stateFor(t), new VirtualClock());
  const { id, token } = file.add();
  assert.match(token, /^fogline_[\w-]{43}$/);
  assert.notEqual(file.add().token, token);
  const text = readFileSync(file.path, 'utf8');
  assert(!text.includes(token) && !text.includes(token.slice(8)));
  assert.equal(statSync(file.path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dirname(file.path)), ['tokens.json']);
  assert.equal(file.idOf(token), id);
  for (const other of ['', 'fogline_', token.slice(0, -1), `${token}x`, token.toUpperCase(), file.list()[0]!.sha256])
    assert.equal(file.idOf(other), undefined, other);
});

test('a running cloud sees a new token and a revoked one soon', async (t) => {
  const clock = new VirtualClock();
  const stateDir = stateFor(t);
  const running = new TokenFile(stateDir, clock);
  const other = new TokenFile(stateDir, clock);
  const first = other.add();
  assert.equal(running.idOf(first.token), first.id);
  const second = other.add();
  await clock.advance(CHECK_EVERY_MS);
  assert.equal(running.idOf(second.token), second.id);
  other.revoke(first.id);
  await clock.advance(CHECK_EVERY_MS);
  assert.equal(running.idOf(first.token), undefined);
  assert.equal(running.holds(first.id), false);
  assert.equal(running.holds(second.id), true);
  assert.throws(() => other.revoke(first.id), ConfigError);
});

test('a file that is damaged or open to others lets nobody in, and says so at the start', async (t) => {
  const clock = new VirtualClock();
  const stateDir = stateFor(t);
  const file = new TokenFile(stateDir, clock);
  const { id, token } = file.add();
  const whole = readFileSync(file.path, 'utf8');
  for (const text of ['', '{', 'null', '{"tokens":[{}]}', whole.replace(/[0-9a-f]{64}/, 'short')]) {
    writeFileSync(file.path, text);
    await clock.advance(CHECK_EVERY_MS);
    assert.equal(file.idOf(token), undefined, text);
    assert.throws(() => openDoors(configWith({ 'cloud.http_token': 'always' }), stateDir, clock), ConfigError);
  }
  writeFileSync(file.path, whole);
  await clock.advance(CHECK_EVERY_MS);
  assert.equal(file.idOf(token), id);
  chmodSync(file.path, 0o640);
  await clock.advance(CHECK_EVERY_MS);
  assert.equal(file.idOf(token), undefined);
  assert.throws(() => file.list(), /open to other users/);
});

test('a state that is no folder is the operator to mend; without a token demanded the file is not looked at', (t) => {
  const clock = new VirtualClock();
  const file = join(stateFor(t), 'file');
  writeFileSync(file, '');
  assert.throws(() => openDoors(configWith({ 'cloud.http_token': 'always' }), file, clock), ConfigError);
  assert.throws(() => new TokenFile(file, clock).add(), ConfigError);
  assert.equal(openDoors(configWith({}), file, clock).doors.demandsToken, false);
});

test('there are only so many', (t) => {
  const file = new TokenFile(stateFor(t), new VirtualClock());
  file.add();
  const { sha256, madeAt } = file.list()[0]!;
  const tokens = Array.from({ length: TOKENS_MAX }, (_, i) => ({ id: `t${i}`, sha256, madeAt }));
  writeFileSync(file.path, JSON.stringify({ tokens }));
  assert.throws(() => file.add(), /there are 100 tokens/);
});

test('a token is demanded everywhere but on loopback, and made at the first start only', (t) => {
  const clock = new VirtualClock();
  const table: [Parameters<typeof configWith>[0], boolean][] = [
    [{}, false],
    [{ 'cloud.http_host': 'localhost' }, false],
    [{ 'cloud.http_host': '::1' }, false],
    [{ 'cloud.http_host': '0.0.0.0' }, true],
    [{ 'cloud.http_host': '::' }, true],
    [{ 'cloud.http_host': '192.168.1.5' }, true],
    [{ 'cloud.http_host': 'power.example.org' }, true],
    [{ 'cloud.http_token': 'always' }, true],
    [{ 'cloud.http_proxy': 'true' }, true],
  ];
  for (const [settings, isDemanded] of table) {
    const stateDir = stateFor(t);
    const first = openDoors(configWith(settings), stateDir, clock);
    assert.equal(first.doors.demandsToken, isDemanded, JSON.stringify(settings));
    const token = first.firstToken();
    assert.equal(token !== undefined, isDemanded);
    if (token !== undefined) assert.notEqual(first.doors.tokens.idOf(token), undefined);
    assert.equal(openDoors(configWith(settings), stateDir, clock).firstToken(), undefined);
  }
  const named = openDoors(configWith({ 'cloud.http_names': ' Power.example.org, b.test ' }), stateFor(t), clock);
  assert.deepEqual(named.doors.names, ['power.example.org', 'b.test']);
  assert.throws(() => openDoors(configWith({ 'cloud.http_names': 'https://x' }), stateFor(t), clock), ConfigError);
});
