import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { debianCodename, debianMirrors } from '../doubles/apt-mirrors.ts';
import { BareDebian, noBareDebian } from '../doubles/bare-debian.ts';

/** The first time a root is made out of packages. */
const PATIENT_MS = 900_000;

test('a bare Debian sees nothing of this machine, and nothing of it is left', { skip: noBareDebian, timeout: PATIENT_MS }, async (t) => {
  const outside = mkdtempSync(join(tmpdir(), 'fogline-outside-'));
  t.after(() => rmSync(outside, { recursive: true, force: true }));
  writeFileSync(join(outside, 'file'), 'from outside');
  const debian = new BareDebian();
  t.after(() => debian.stop());
  await debian.start();
  const { folder } = debian;
  await debian.copyIn(join(outside, 'file'), '/srv/some/file');
  assert.equal(await debian.run('cat /srv/some/file'), 'from outside');
  await debian.run('test -c /dev/null && test -w /dev/shm && test "$(id -u)" = 0 && test -s /etc/debian_version');
  const seen = await debian.attempt(`ls ${outside} /proc/1/root/${outside}`);
  assert.notEqual(seen.status, 0, 'a folder of this machine can be seen');
  const processes = await debian.run("ls /proc | grep -c '^[0-9]'");
  assert(Number(processes) < 10, `only its own processes are seen, not ${processes}`);
  const mounts = await debian.run('cat /proc/mounts');
  assert(!mounts.includes(' /old'), mounts);
  assert.equal((await debian.attempt('command -v node || command -v curl')).status, 1, 'a minimal system has neither');
  assert.equal((await debian.attempt('exit 7')).status, 7);
  assert.equal((await debian.attempt('echo "$UNSET"')).status, 1, 'scripts are strict');
  assert.equal((await debian.run('echo "$GIVEN"', { env: { GIVEN: 'value' } })).trim(), 'value');

  // What is left in the background lives on, and dies with the root.
  const seconds = `3600.${process.pid}`;
  const pid = Number(await debian.run(`sleep ${seconds} >/dev/null 2>&1 & echo $!`));
  assert.equal((await debian.run(`cat /proc/${pid}/comm`)).trim(), 'sleep');
  assert.equal(running('sleep', seconds), 1, 'this machine sees that process');
  await debian.stop();
  assert.equal(existsSync(folder), false);
  assert.equal(running('sleep', seconds), 0);
  assert(!readFileSync('/proc/mounts', 'utf8').includes(folder), 'no mount is left');
});

test('a command that takes too long is ended and said to be', { skip: noBareDebian, timeout: PATIENT_MS }, async () => {
  await using debian = new BareDebian();
  await debian.start();
  const { status, stderr } = await debian.attempt('sleep 3600', { timeoutMs: 300 });
  assert.equal(status, null);
  assert.match(stderr, /not done after 300 ms/);
});

test('mirrors of both ways to write them, without those of others', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-apt-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const lines = ['deb [arch=amd64 signed-by=/k.gpg] http://a.test/debian old main contrib', '# deb http://no.test/debian old main'];
  lines.push('deb http://a.test/other old stable', 'deb-src http://a.test/debian old main');
  writeFileSync(join(folder, 'sources.list'), lines.join('\n'));
  assert.deepEqual(debianMirrors('old', folder), [{ url: 'http://a.test/debian', suite: 'old' }]);
  writeFileSync(join(folder, 'sources.list'), '');
  mkdirSync(join(folder, 'sources.list.d'));
  const stanzas = ['Types: deb\n# a remark\nURIs: http://b.test/debian\nSuites: old old-updates older\nComponents: main'];
  stanzas.push('Types: deb\nEnabled: no\nURIs: http://c.test/debian\nSuites: old\nComponents: main');
  writeFileSync(join(folder, 'sources.list.d', 'b.sources'), stanzas.join('\n\n'));
  const url = 'http://b.test/debian';
  assert.deepEqual(debianMirrors('old', folder), [
    { url, suite: 'old' },
    { url, suite: 'old-updates' },
  ]);
  assert.deepEqual(debianMirrors('other', folder), []);
  assert.equal(debianCodename('ID=debian\nVERSION_CODENAME=bookworm\n'), 'bookworm');
  assert.equal(debianCodename('ID=ubuntu\nVERSION_CODENAME=noble\n'), undefined);
});

/** How many processes of this machine were started by that command. */
function running(...command: readonly string[]): number {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8') === `${command.join('\0')}\0`;
    } catch {
      return false;
    }
  }).length;
}
