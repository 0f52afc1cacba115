/**
 * A part in a bare Debian behind walls like those of its unit, as far as they can be put up without systemd: everything read-only but
 * the folders that are its own, a /tmp of its own, a /proc with its own processes alone, no capability, none to gain, files for their
 * owner only, a bare environment.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BareDebian } from './bare-debian.ts';

const UNIT_FOLDERS = ['/etc/systemd/system', '/lib/systemd/system'] as const;

export interface WalledPart {
  /** Its command, as a unit or the script has it: words without quotes. */
  program: string;
  user: string;
  /** Folders that it may write. */
  writable: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** It says what it says in /srv/LOG.log. */
  log: string;
}

export function startWalled(debian: BareDebian, { program, user, writable, env = {}, log }: WalledPart): ChildProcess {
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  for (const word of [...words, ...writable, user, program]) assert.match(word, /^[\w./=:+@ -]+$/, 'it is put into a script as it is');
  const walls = `${writable.map((folder) => `mount --bind ${folder} ${folder}`).join('\n')}
    for folder in / ${writable.map((folder) => dirname(folder)).join(' ')}; do
      if mountpoint --quiet $folder; then mount -o remount,bind,ro $folder; fi
    done
    mount -t tmpfs tmpfs /tmp
    mount -t proc -o subset=pid,hidepid=invisible proc /proc
    umask 0077
    cd /
    exec setpriv --reuid ${user} --regid ${user} --init-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
      env -i PATH="$PATH" LANG=C.UTF-8 USER=${user} HOME=/var/lib/${user} ${words.join(' ')} ${program}`;
  return debian.spawn(`exec unshare --mount --propagation private /bin/bash -euc '${walls}' >>/srv/${log}.log 2>&1`);
}

/** What the part has said. */
export function logOf(debian: BareDebian, log: string): string {
  const file = debian.path(`/srv/${log}.log`);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** All values of a key in a unit of the bare Debian, drop-ins after it; at least one. */
export function unitValues(debian: BareDebian, unit: string, key: string): string[] {
  const folder = UNIT_FOLDERS.find((its) => existsSync(debian.path(`${its}/${unit}`)));
  assert(folder !== undefined, `there is no unit ${unit}`);
  const lines = readFileSync(debian.path(`${folder}/${unit}`), 'utf8').split('\n');
  const values = lines.flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
  assert(values.length > 0, `${unit} says no ${key}`);
  return values;
}

/** The Redis that Debian's package installs, as its unit starts it: its command, its user, its folders. */
export async function startRedis(debian: BareDebian): Promise<ChildProcess> {
  const only = (key: string) => unitValues(debian, 'redis-server.service', key)[0] as string;
  const [user, run] = [only('User'), `/run/${only('RuntimeDirectory')}`];
  await debian.run(`install --directory --owner=${user} --group=${only('Group')} --mode=${only('RuntimeDirectoryMode')} ${run}`);
  const writable = unitValues(debian, 'redis-server.service', 'ReadWritePaths').map((folder) =>
    folder.replace(/^-(\/var(?=\/run\/))?/, ''),
  );
  return startWalled(debian, { program: only('ExecStart'), user, writable, log: 'redis' });
}
