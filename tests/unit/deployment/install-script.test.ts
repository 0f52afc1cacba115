/** deploy/ read by the tools that know its languages: shellcheck, and systemd-analyze, which need no booted systemd. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EXIT } from '../../../common/errors.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SCRIPT = join(ROOT, 'deploy/install.sh');
const UNITS = join(ROOT, 'deploy/systemd');
/** docs/deploying.md says it: exposure as systemd reckons it, 0 to 10, in tenths. */
const EXPOSURE_MAX_TENTHS = 15;

const noShellcheck = spawnSync('shellcheck', ['--version']).status === 0 ? false : 'shellcheck is not installed (package shellcheck)';
const noSystemd = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd-analyze is not installed (package systemd)';

function shellcheck(text: string) {
  return spawnSync('shellcheck', ['--shell=bash', '--severity=style', '-'], { input: text, encoding: 'utf8' });
}

/** The units of a host with a cloud and an edge: the program of this machine stands for the one in /opt, which must exist. */
function units(t: TestContext, change = (text: string) => text): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-units-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return readdirSync(UNITS).map((name) => {
    const text = readFileSync(join(UNITS, name), 'utf8');
    const path = join(folder, name.replace('@.', '@home-1.'));
    writeFileSync(path, change(text.replace('=/opt/fogline/node/bin/node ', `=${process.execPath} `)));
    return path;
  });
}

function analyze(...args: string[]) {
  return spawnSync('systemd-analyze', args, { encoding: 'utf8', env: { ...process.env, SYSTEMD_PAGER: '', LC_ALL: 'C.UTF-8' } });
}

test('shellcheck finds nothing in install.sh', { skip: noShellcheck }, () => {
  const text = readFileSync(SCRIPT, 'utf8');
  const { status, stdout } = shellcheck(text);
  assert.equal(status, 0, stdout);
  assert.notEqual(shellcheck(text.replace('rm -rf "$kept"', 'rm -rf $kept')).status, 0, 'what is wrong is found');
});

test('install.sh is strict, and asks for root before it does anything', () => {
  const text = readFileSync(SCRIPT, 'utf8');
  assert.match(text, /^set -euo pipefail$/m);
  const said = spawnSync('bash', [SCRIPT, 'install', 'now'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], FOGLINE_LOCKED: 'yes' },
  });
  assert.equal(said.status, 2);
  assert.match(said.stderr, /install takes no arguments/);
});

test('systemd understands every line of the units', { skip: noSystemd }, (t) => {
  const paths = units(t);
  assert.equal(paths.length, 2);
  // Unknown keys are said on stderr alone, with exit code 0.
  const { status, stderr } = analyze('verify', ...paths);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const wrong = analyze('verify', ...units(t, (text) => text.replace('Restart=', 'Restrat=')));
  assert.match(wrong.stderr, /Unknown key/);
});

test('systemd reckons a low exposure, as the docs say', { skip: noSystemd }, (t) => {
  const docs = readFileSync(join(ROOT, 'docs/deploying.md'), 'utf8');
  for (const path of units(t)) {
    const { status, stdout } = analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX_TENTHS}`, path);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /Overall exposure level for \S+: \d/);
  }
  assert.match(docs, new RegExp(`below ${(EXPOSURE_MAX_TENTHS / 10).toFixed(1)} `));
  const [open = ''] = units(t, (text) => text.replace(/^(Protect|Restrict|Private|SystemCall|Capability).*$/gm, ''));
  assert.notEqual(analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX_TENTHS}`, open).status, 0);
});

test('the units start what install.sh says, as the user that it makes, and are watched', () => {
  const script = readFileSync(SCRIPT, 'utf8');
  for (const name of readdirSync(UNITS)) {
    const text = readFileSync(join(UNITS, name), 'utf8');
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
    const [role, instance] = name === 'fogline-cloud.service' ? ['cloud', 'cloud'] : ['edge', 'edge-%i'];
    const state = `/var/lib/fogline/${instance}`;
    const program = `/opt/fogline/node/bin/node /opt/fogline/current/dist/fogline.js ${role}`;
    assert.equal(value('ExecStart'), `${program} --config /etc/fogline/${instance}.ini --state ${state}`);
    assert.equal(value('StateDirectory'), `fogline/${instance}`);
    assert.equal(value('User'), 'fogline');
    assert.equal(value('Type'), 'notify');
    assert.equal(value('NotifyAccess'), 'all');
    assert(Number(value('WatchdogSec')) >= 30, 'a busy second of a small machine ends nobody');
    assert.equal(value('ProtectSystem'), 'strict');
    assert.deepEqual([value('Restart'), value('StartLimitIntervalSec')], ['always', '0'], 'it is started again, however often');
    assert.equal(value('RestartPreventExitStatus'), String(EXIT.usage), 'but not when a setting is wrong');
  }
  assert.match(script, /readonly prefix=\/opt\/fogline settings=\/etc\/fogline state=\/var\/lib\/fogline/);
});
