/**
 * deploy/install.sh in a bare Debian, as docs/deploying.md has it: from the release tarball to a cloud server with Redis, to which an
 * edge on this machine, outside that root, ships over mutual TLS; what is refused; what uninstalling leaves. An hour of data and the page
 * are in cloud-node.test.ts, where Terraform's start-up calls the same script. Half a minute on a quiet machine.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../common/version.ts';
import { makeRelease } from '../../scripts/release.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { noBareDebian } from '../doubles/bare-debian.ts';
import { DebianHost } from '../doubles/debian-host.ts';
import { freePorts } from '../doubles/free-port.ts';
import { eventually, OutsideEdge } from '../doubles/outside-edge.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const FIVE_MINUTES_SECONDS = 300;
const SETTINGS = '/etc/fogline/cloud.ini';

const folder = mkdtempSync(join(tmpdir(), 'fogline-deployed-'));
const edge = new OutsideEdge(folder, FIVE_MINUTES_SECONDS);
const host = new DebianHost();
const children: ChildProcess[] = [];
let release = '';
let commands: string[] = [];
const ports = { http: 0, heartbeat: 0, data: 0, redis: 0 };

/** Of one test; a quiet machine needs a tenth. */
const limits = { skip: noBareDebian, timeout: 600_000 };

before(async () => {
  if (noBareDebian !== false) return;
  ensureBuilt();
  const [http = 0, heartbeat = 0, data = 0, redis = 0] = await freePorts(4);
  Object.assign(ports, { http, heartbeat, data, redis });
  const tar = await makeRelease(TOP, join(folder, 'release'));
  await host.start();
  release = await host.bring(tar);
});

after(async () => {
  await edge.stop();
  for (const child of children) child.kill('SIGKILL');
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

const cloudUrl = () => `http://127.0.0.1:${ports.http}`;

test('what is wrong is refused, and nothing is changed by it', limits, async () => {
  const before = await host.snapshot();
  const good = { FOGLINE_ROLE: 'cloud', FOGLINE_RELEASE_URL: release };
  const refused: [Record<string, string>, RegExp][] = [
    [{ ...good, FOGLINE_ROLE: 'fog' }, /FOGLINE_ROLE is cloud or edge/],
    [{ ...good, FOGLINE_ROLE: 'edge', FOGLINE_EDGE_ID: 'a/b' }, /FOGLINE_EDGE_ID names the edge/],
    [{ ...good, FOGLINE_RELEASE_SHA256: '0'.repeat(64) }, /is not what was wanted: its SHA-256 is/],
    [{ ...good, FOGLINE_RELEASE_URL: 'http://127.0.0.1/fogline.tar.gz' }, /https:\/\/, file:\/\/ or a path/],
    [{ ...good, FOGLINE_RELEASE_URL: 'https://127.0.0.1/fogline.tar.gz' }, /what comes over the network is checked/],
    [{ ...good, FOGLINE_NODE_SHA256: '1'.repeat(64) }, /node\.tar is not what was wanted/],
    [{ ...good, FOGLINE_NODE_URL: 'system' }, /no node on the PATH/],
    [{ ...good, FOGLINE_RELEASE_URL: '/srv/install.sh' }, /there is no \/srv\/install\.sh\.sha256/],
  ];
  for (const [env, said] of refused) {
    const { status, stderr } = await host.attempt('install', env);
    assert.equal(status, 1, stderr);
    assert.match(stderr, said);
  }
  for (const command of ['upgrade', 'rollback']) assert.match((await host.attempt(command, good)).stderr, /nothing is installed here/);
  assert.equal((await host.attempt('upgarde')).status, 2);
  const left = (await host.snapshot()).split('\n').filter((line) => !/^\/opt\/fogline(\/releases)? d /.test(line));
  assert.deepEqual(left, before.split('\n'));
});

test('installed twice it is the same; owners and modes keep secrets', limits, async () => {
  const env = { FOGLINE_ROLE: 'cloud', FOGLINE_RELEASE_URL: release, FOGLINE_REDIS_PORT: String(ports.redis) };
  commands = await host.install('install', env);
  assert.equal(commands.length, 2);
  const before = await host.snapshot();
  assert.deepEqual(await host.install('install', env), commands);
  assert.equal(await host.snapshot(), before);
  assert.match(before, /^\/etc\/fogline\/secrets d 750 root fogline$/m);
  assert.match(before, /^\/etc\/fogline\/secrets\/redis-url f 640 root fogline /m);
  assert.match(before, /^\/etc\/fogline\/cloud\.ini f 640 root fogline /m);
  assert.match(before, /^\/etc\/redis\/fogline\.conf f 640 redis redis /m);
  assert.match(before, new RegExp(`^/opt/fogline/current l 777 root root \\S+ releases/${VERSION}$`, 'm'));
  assert.equal((await host.debian.run('fogline --version')).trim(), VERSION);
  const password = /:\/\/:([0-9a-f]{64})@/.exec(readFileSync(host.debian.path('/etc/fogline/secrets/redis-url'), 'utf8'))?.[1];
  assert(password !== undefined);
  assert.match((await host.attempt('install', { ...env, FOGLINE_RELEASE_SHA256: 'x' })).stderr, /not what was wanted/);
  assert.match((await host.attempt('install', { FOGLINE_ROLE: 'cloud', FOGLINE_RELEASE_URL: '/srv/none' })).stderr, /can't be read/);
});

test(
  'Redis wants its password; the cloud, behind walls like those of its unit, is ready and holds a connection to it',
  limits,
  async () => {
    const [redis = '', cloud = ''] = commands;
    await host.debian.run(`${redis} 2>&1`);
    assert.match(await host.debian.run(`redis-cli -p ${ports.redis} ping`), /NOAUTH/);
    // As docs/deploying.md says: certificates, then the settings that name them. Ports of its own, for the network is this machine's.
    await host.debian.run('fogline certs init --host localhost --dir /etc/fogline/certs');
    const edits = [
      's/^;certs_dir/certs_dir/',
      `/^certs_dir/a heartbeat_port = ${ports.heartbeat}\\ndata_port = ${ports.data}`,
      `/^.cloud.$/a http_port = ${ports.http}`,
    ];
    await host.debian.run(`sed -i ${edits.map((edit) => `-e '${edit}'`).join(' ')} ${SETTINGS}`);
    children.push(host.startWalled(cloud, 'cloud'));
    const up = async () => {
      const reply = await fetch(`${cloudUrl()}/readyz`);
      const { redis: state } = (await reply.json()) as { redis?: string };
      return reply.status === 200 && state === 'up' ? state : undefined;
    };
    await eventually('/readyz with Redis up', () => host.log('cloud'), up);
    const owners = await host.debian.run('stat -c %U /proc/[0-9]*/exe 2>/dev/null | sort -u; stat -c "%U %a" /var/lib/fogline/cloud');
    assert.match(owners, /^fogline 700$/m);
    assert.match(await host.debian.run('stat -c "%U %a" /var/lib/fogline/cloud/cloud/series.db'), /^fogline 600$/m);
  },
);

test('an edge outside ships to it over mutual TLS, and the audit agrees', limits, async () => {
  const bundle = join(folder, 'edge-1.pem');
  writeFileSync(bundle, await host.debian.run('fogline certs edge edge-1 --any-household --dir /etc/fogline/certs'), { mode: 0o600 });
  await edge.ship(bundle, ports, () => host.log('cloud'));
  await edge.audit(host.debian, '/var/lib/fogline/cloud/cloud', { url: cloudUrl() });
});

test('a running part is not taken away; uninstalled, data and settings stay; purged, nothing does', limits, async () => {
  const [, cloud = ''] = commands;
  const before = await host.snapshot();
  assert.match((await host.attempt('uninstall')).stderr, /cloud runs: stop it first; nothing is changed/);
  assert.equal(await host.snapshot(), before);
  await host.stopPart(cloud);
  await host.install('uninstall');
  const kept = await host.snapshot();
  assert.doesNotMatch(kept, /^\/(opt\/fogline|usr\/local\/bin\/fogline|etc\/systemd\/system\/fogline)/m);
  assert.match(kept, /^\/etc\/fogline\/cloud\.ini /m);
  await host.debian.run('test -s /var/lib/fogline/cloud/cloud/series.db');
  await host.install('uninstall --purge');
  const purged = await host.snapshot();
  assert.doesNotMatch(purged, /fogline/);
  const left = await host.debian.run(
    'find / -xdev -name "*fogline*" -not -path "/srv/*" -not -path "/proc/*" -not -path "/run/*"; getent passwd fogline || true',
  );
  assert.equal(left, '');
  assert.doesNotMatch(await host.debian.run('cat /etc/redis/redis.conf'), /fogline/);
});
