/**
 * The start-up of terraform/ in a bare Debian: what Terraform renders is written as cloud-init would, and its scripts run, with Google
 * played on loopback. From a blank disk and the release tarball to a cloud server with certificates from Secret Manager and a Redis that is
 * up; an edge on this machine, outside that root, ships an hour of data to it over mutual TLS, the audit agrees, and the page shows the
 * hour to who has the first token that the node has handed over. A minute on a quiet machine. Not here: systemd, cloud-init itself, Google.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeRelease } from '../../scripts/release.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { BareDebian, noBareDebian, type Outcome } from '../doubles/bare-debian.ts';
import { filesOf } from '../doubles/cloud-config.ts';
import { freePorts } from '../doubles/free-port.ts';
import { GoogleCloud, NODE_TOKEN } from '../doubles/google-cloud.ts';
import { needsChromium } from '../doubles/built-pages.ts';
import { eventually, OutsideEdge } from '../doubles/outside-edge.ts';
import { logOf, startRedis, startWalled, unitValues } from '../doubles/walled-part.ts';
import { noTerraform, TerraformPlan, VARIABLES } from '../doubles/terraform-plan.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(TOP, 'dist/fogline.js');
const noLoop = !existsSync('/dev/loop-control') && 'this machine has no loop devices';
const skip = noBareDebian || noTerraform || noLoop;
const LOOPS = 64;
const LIB = '/usr/local/lib/fogline-node';
const CERTS_SECRET = 'projects/a-project-1/secrets/fogline-certs';
const TOKEN_SECRET = 'projects/a-project-1/secrets/fogline-first-token';
const DISK = '/srv/disk.img';
const INSTALL_MS = 600_000;
const AN_HOUR_SECONDS = 3_600;

const folder = mkdtempSync(join(tmpdir(), 'fogline-cloud-node-'));
const ca = join(folder, 'ca');
const debian = new BareDebian();
const google = new GoogleCloud(folder);
const edge = new OutsideEdge(folder, AN_HOUR_SECONDS);
const children: ChildProcess[] = [];
let settings: Record<string, string> = {};
let packCerts = '';
const ports = { http: 0, heartbeat: 0, data: 0, redis: 0 };

before(async () => {
  if (skip !== false) return;
  ensureBuilt();
  const release = await makeRelease(TOP, join(folder, 'a-bucket'));
  const node = join(folder, 'a-bucket', 'node.tar.gz');
  const prefix = ['--directory', dirname(process.execPath), '--transform', 's,^,node/bin/,', basename(process.execPath)];
  execFileSync('tar', ['--create', '--use-compress-program=gzip -1', '--file', node, ...prefix]);
  await google.start();
  await debian.start();
  // Disks are files here; what a mount needs for them is not in a bare /dev.
  const loops = `for i in $(seq 0 ${LOOPS - 1}); do mknod /dev/loop$i b 7 $i; done; mknod /dev/loop-control c 10 237`;
  await debian.run(`${loops}; truncate --size 256M ${DISK}`);
  const [http = 0, heartbeat = 0, data = 0, redis = 0] = await freePorts(4);
  Object.assign(ports, { http, heartbeat, data, redis });
  const google_ = { ...google.environment, FOGLINE_REDIS_PORT: String(redis), FOGLINE_DATA_DEVICE: DISK };
  await writeStartUp({ release_url: `gs://a-bucket/${basename(release)}`, release_sha256: sha256(release) }, node, google_);
});

after(async () => {
  await edge.stop();
  for (const child of children) child.kill('SIGKILL');
  await debian.stop();
  if (skip === false) await google.stop();
  rmSync(folder, { recursive: true, force: true });
});

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** Does what cloud-init would: packages and files. */
async function writeStartUp(release: Record<string, string>, node: string, env: Record<string, string>): Promise<void> {
  using plan = new TerraformPlan({ config: 'yamldecode(local.user_data)', certs: 'local.cert_files' });
  const variables = { ...VARIABLES, ...release, node_url: 'gs://a-bucket/node.tar.gz', node_sha256: sha256(node) };
  const { values, stderr } = plan.planned(variables);
  const config = values['config'] as { packages: string[] } | undefined;
  assert(config !== undefined, stderr);
  packCerts = values['certs'] as string;
  await debian.run(`apt-get update -q && apt-get install -qy --no-install-recommends ${config.packages.join(' ')}`, {
    timeoutMs: INSTALL_MS,
  });
  for (const { path, mode, text } of filesOf(config)) {
    const file = debian.path(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, Number.parseInt(mode, 8));
  }
  const lines = readFileSync(debian.path('/etc/fogline-node/node.env'), 'utf8').trim().split('\n');
  const given = lines.map((line) => /^(\w+)='([^']*)'$/.exec(line)!);
  settings = { ...Object.fromEntries(given.map(([, key, value]) => [key!, value!])), ...env };
}

function script(name: 'setup.sh' | 'secrets.sh', env: Record<string, string> = {}): Promise<Outcome> {
  return debian.attempt(`${LIB}/${name}`, { env: { ...settings, ...env }, timeoutMs: INSTALL_MS });
}

async function runs(name: 'setup.sh' | 'secrets.sh'): Promise<string> {
  const { status, stdout, stderr } = await script(name);
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout;
}

/** As the command in the outputs packs it. */
function putCerts(names: string): void {
  const archive = execFileSync('tar', ['-C', ca, '-cz', ...names.split(' ')]);
  google.versions.set(CERTS_SECRET, [...(google.versions.get(CERTS_SECRET) ?? []), archive]);
}

function certs(...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [ENTRY, 'certs', ...args, '--dir', ca], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function firstToken(): string {
  return google.versions.get(TOKEN_SECRET)![0]!.toString('utf8');
}

test('a disk that holds anything is left as it is', { skip }, async () => {
  const made: readonly (readonly [string, RegExp])[] = [
    ['mkswap --quiet', /holds swap, not ext4/],
    ['printf "%s" keys | dd conv=notrunc status=none of=', /holds something unknown/],
  ];
  for (const [make, message] of made) {
    const disk = '/srv/other.img';
    await debian.run(
      `rm -f ${disk}; truncate --size 64M ${disk}; ${make.endsWith('=') ? `${make}${disk} bs=1 seek=4000` : `${make} ${disk}`}`,
    );
    const before = sha256(debian.path(disk));
    const { status, stderr } = await script('setup.sh', { FOGLINE_DATA_DEVICE: disk });
    assert.equal(status, 1);
    assert.match(stderr, message);
    assert.equal(sha256(debian.path(disk)), before);
  }
  assert(!existsSync(debian.path('/opt/fogline')));
});

test('what can not be fetched or is not what it should be is not installed; the next try takes it', { skip }, async () => {
  const url = settings['FOGLINE_RELEASE_URL']!;
  const missing = await script('setup.sh', { FOGLINE_RELEASE_URL: url.replace('fogline-', 'no-') });
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /can't be fetched: is it there, and may the node's account read it/);
  const other = await script('setup.sh', { FOGLINE_RELEASE_SHA256: 'c'.repeat(64) });
  assert.equal(other.status, 1);
  assert.match(other.stderr, /is not what was wanted: its SHA-256 is/);
  assert(!existsSync(debian.path('/opt/fogline/current')));
  assert.match((await script('secrets.sh')).stderr, /not installed yet/);
});

test('a blank disk is formatted and mounted, everything is installed; once more changes nothing', { skip }, async () => {
  assert.match(await runs('setup.sh'), /is installed/);
  const mounted = 'findmnt --noheadings --output FSTYPE,TARGET /var/lib/fogline';
  assert.match(await debian.run(mounted), /^ext4\s+\/var\/lib\/fogline/);
  assert.match(
    await debian.run('/usr/local/bin/fogline --version; cat /etc/fstab'),
    /^\d+\.\d+\.\d+\n(.*\n)*\/srv\/disk\.img \/var\/lib\/fogline ext4 .*nofail/,
  );
  await debian.run('echo kept >/var/lib/fogline/cloud/kept');
  const state = `cat /etc/fstab; find /opt/fogline /etc/fogline /etc/systemd -printf '%p %m %u %T@\\n' | sort`;
  const before = await debian.run(state);
  await runs('setup.sh');
  assert.equal(await debian.run(state), before);
  // The next machine has the same disk, where the user had another number.
  await debian.run('chown -R 4242 /var/lib/fogline/cloud; umount /var/lib/fogline');
  await runs('setup.sh');
  assert.match(
    await debian.run(`cat /var/lib/fogline/cloud/kept; stat --format=%U /var/lib/fogline/cloud/kept; ${mounted}`),
    /^kept\nfogline\next4/,
  );
  assert.equal(await debian.run('find /var/tmp -name "fogline-node*"'), '');
});

test('the first token is handed over once; without certificates the cloud server waits', { skip }, async () => {
  google.forbidden.add(TOKEN_SECRET);
  const refused = await script('secrets.sh');
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /did not take a version of .*first-token/);
  assert.equal(await debian.run('stat --format="%a %U" /etc/fogline/secrets/first-token'), '600 root\n');
  google.forbidden.clear();
  assert.match(await runs('secrets.sh'), /the first token is in .*\n.*has no version yet/);
  await runs('secrets.sh');
  const tokens = google.versions.get(TOKEN_SECRET) ?? [];
  assert.equal(tokens.length, 1);
  assert.match(tokens[0]!.toString('utf8'), /^fogline_[\w-]{43}$/);
  assert(!existsSync(debian.path('/etc/fogline/secrets/first-token')));
  google.forbidden.add(CERTS_SECRET);
  assert.match((await script('secrets.sh')).stderr, /PERMISSION_DENIED\nSecret Manager answers 403/);
  google.forbidden.clear();
});

test('certificates come as the outputs say, whole and for the cloud server alone; the key of the CA is refused', { skip }, async () => {
  certs('init', '--host', '127.0.0.1');
  putCerts(`${packCerts} private`);
  assert.match((await script('secrets.sh')).stderr, /holds the CA's key/);
  putCerts(packCerts.replace(' cloud.pem', ''));
  assert.match((await script('secrets.sh')).stderr, /has no cloud\.pem/);
  assert.equal(await debian.run('ls /etc/fogline/certs'), '');
  putCerts(packCerts);
  assert.equal((await runs('secrets.sh')).match(/^new /gm)?.length, 4);
  const listing = "find /etc/fogline/certs -printf '%f %m %u\\n' | sort";
  const files = packCerts.split(' ').map((name) => `${name} 600 fogline`);
  assert.deepEqual((await debian.run(listing)).trim().split('\n'), [...files.slice(0, 1), 'certs 700 fogline', ...files.slice(1)]);
  assert.equal(await runs('secrets.sh'), '');
  certs('edge', 'edge-1', '--any-household', '--out', join(folder, 'edge-1.pem'));
  putCerts(packCerts);
  assert.equal(await runs('secrets.sh'), 'new edges.json\n');
});

/** What its unit and the drop-in say, on ports of its own: the network is this machine's, and nothing listens beyond loopback here. */
function startCloud(): void {
  const dropIn = readFileSync(debian.path('/etc/systemd/system/fogline-cloud.service.d/10-node.conf'), 'utf8');
  const given = Object.fromEntries([...dropIn.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, key, value]) => [key!, value!]));
  assert.equal(given['FOGLINE_CLOUD_HTTP_HOST'], '127.0.0.1');
  const wanted = { CLOUD_HTTP_PORT: ports.http, LINK_HEARTBEAT_PORT: ports.heartbeat, LINK_DATA_PORT: ports.data };
  const own = Object.fromEntries(Object.entries(wanted).map(([key, port]) => [`FOGLINE_${key}`, String(port)]));
  const only = (key: string) => unitValues(debian, 'fogline-cloud.service', key)[0]!;
  const [program, user, writable] = [only('ExecStart'), only('User'), [`/var/lib/${only('StateDirectory')}`]];
  const env = { ...given, ...own, FOGLINE_LINK_LISTEN_HOST: '127.0.0.1' };
  children.push(startWalled(debian, { program, user, writable, env, log: 'cloud' }));
}

const cloudLog = () => logOf(debian, 'cloud');
const cloudUrl = () => `http://127.0.0.1:${ports.http}`;

function asked(path: string, token?: string): Promise<Response> {
  return fetch(cloudUrl() + path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
}

/** Of /readyz, when it answers 200. */
async function redisState(): Promise<string | undefined> {
  const reply = await asked('/readyz', firstToken());
  return reply.status === 200 ? ((await reply.json()) as { redis: string }).redis : undefined;
}

test('the cloud server starts with what was written, behind its walls; its page takes the first token and nobody without one', {
  skip,
}, async () => {
  startCloud();
  // Redis runs nowhere yet: the cloud server is ready all the same, and says so.
  assert.equal(await eventually('the cloud server', cloudLog, redisState), 'down');
  for (const path of ['/api/v1/households', '/readyz']) {
    assert.equal((await asked(path)).status, 401, path);
    assert.equal((await asked(path, 'fogline_of-somebody-else')).status, 401, path);
    assert.equal((await asked(path, firstToken())).status, 200, path);
  }
  assert.doesNotMatch(cloudLog(), /fogline_[\w-]{43}/);
});

test('Redis, started as its unit would, has the settings and the password of the start-up, and is up', { skip }, async () => {
  children.push(await startRedis(debian));
  const up = async () => ((await redisState()) === 'up' ? 'up' : undefined);
  await eventually('Redis to be up', () => `${logOf(debian, 'redis')}${cloudLog()}`, up);
  const cli = `redis-cli -p ${ports.redis}`;
  assert.match(await debian.run(`${cli} ping`), /NOAUTH/);
  const url = new URL(readFileSync(debian.path('/etc/fogline/secrets/redis-url'), 'utf8'));
  const asking = `printf 'AUTH %s\\n%s\\n' ${url.password}`;
  assert.match(
    await debian.run(`${asking} 'CONFIG GET bind' | ${cli}; ${asking} 'CONFIG GET maxmemory-policy' | ${cli}`),
    /127\.0\.0\.1[^]*noeviction/,
  );
  assert.match(await debian.run('stat --format=%U /proc/[0-9]*/exe 2>/dev/null | sort --unique'), /^fogline\nredis\nroot\n$/);
});

test('an edge outside ships an hour to it over mutual TLS: the audit agrees', { skip }, async () => {
  await edge.ship(join(folder, 'edge-1.pem'), ports, cloudLog);
  const metrics = await (await asked('/metrics', firstToken())).text();
  assert.match(metrics, /^fogline_link_edge_certificate_seconds\{edge="edge-1"\} \d/m);
  await edge.audit(debian, '/var/lib/fogline/cloud/cloud', { url: cloudUrl(), token: firstToken() });
  assert.equal(await redisState(), 'up');
});

test('the page shows the hour to who has the token', { skip: skip || needsChromium.skip || false }, async () => {
  await edge.assertShown({ url: cloudUrl(), token: firstToken() });
});

test('no secret stood on a command line or in an environment; one that does is seen', { skip }, async () => {
  await runs('secrets.sh');
  assert(google.asked.length > 20, google.asked.join('\n'));
  assert.deepEqual(google.leaks, []);
  children.push(spawn('sleep', ['600'], { env: { ...process.env, TOLD: NODE_TOKEN }, stdio: 'ignore' }));
  const isSeen = async () => {
    await fetch(google.environment['FOGLINE_SECRETS_URL']!);
    return google.leaks.length > 0 || undefined;
  };
  await eventually('the secret to be seen', () => '', isSeen);
});
