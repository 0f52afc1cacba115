/**
 * docker-compose.yml against the schema of compose, which check-jsonschema brings along, and against what we promise of it. The
 * commands in it run for real where they can: Redis with its own start script. Images are not fetched.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import {
  COMPOSE_FILE,
  COMPOSE_PYTHON,
  type Compose,
  composeFaults,
  type ComposeService,
  filledIn,
  noComposeChecker,
  parseCompose,
} from '../../doubles/compose-file.ts';
import { freePort } from '../../doubles/free-port.ts';
import { noRedis } from '../../doubles/redis-server.ts';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const needsChecker = { skip: noComposeChecker };
const PATIENT_MS = 20_000;

let compose: Compose;

before(() => {
  if (noComposeChecker === false) compose = parseCompose();
});

function check(file: string) {
  const args = ['-m', 'check_jsonschema', '--builtin-schema', 'vendor.compose-spec', file];
  return spawnSync(COMPOSE_PYTHON, args, { encoding: 'utf8', timeout: 300_000 });
}

test('it is what compose understands; a mistyped key would be found', needsChecker, (t) => {
  const { status, stdout, stderr } = check(COMPOSE_FILE);
  assert.equal(status, 0, stdout + stderr);
  const folder = mkdtempSync(join(tmpdir(), 'fogline-compose-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const planted = join(folder, 'docker-compose.yml');
  writeFileSync(planted, readFileSync(COMPOSE_FILE, 'utf8').replace('healthcheck:', 'healthchek:'));
  assert.equal(check(planted).status, 1);
});

test(
  'Kafka and Redis start without profiles; every profile of the head of the file is there, and starts what it says',
  needsChecker,
  () => {
    const startedBy = (profile?: string) =>
      Object.entries(compose.services)
        .filter(([, { profiles = [] }]) => (profile === undefined ? profiles.length === 0 : profiles.includes(profile)))
        .map(([name]) => name)
        .sort();
    assert.deepEqual(startedBy(), ['kafka', 'redis']);
    assert.deepEqual(startedBy('site'), ['edge']);
    assert.deepEqual(startedBy('cloud'), ['certs', 'cloud']);
    assert.deepEqual(startedBy('demo'), ['demo-cloud', 'demo-edge', 'demo-setup', 'demo-simulate']);
    assert.deepEqual(startedBy('dev'), ['dev']);
    const named = [...readFileSync(COMPOSE_FILE, 'utf8').matchAll(/--profile (\w+) up/g)].map(([, profile]) => profile ?? '');
    assert.deepEqual(named.toSorted(), ['cloud', 'demo', 'dev', 'site']);
    const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as { version: string };
    for (const [name, { image, build }] of Object.entries(compose.services))
      if (build !== undefined) assert.match(image, new RegExp(`^fogline(-dev)?:${version.replaceAll('.', '\\.')}$`), name);
  },
);

test('pinned, on loopback, without rights, within limits, apart: nothing is wrong with the file', needsChecker, () => {
  assert.deepEqual(composeFaults(compose), []);
});

/** What is changed, and the fault that must be told. */
const PLANTED: readonly [change: (services: Record<string, ComposeService>, all: Compose) => unknown, fault: RegExp][] = [
  [({ kafka }) => (kafka!.image = 'apache/kafka:latest'), /^kafka: image apache\/kafka:latest is not pinned$/],
  [({ redis }) => (redis!.image = 'redis'), /^redis: image redis is not pinned/],
  [({ redis }) => (redis!.image = 'redis:7.2-bookworm'), /^redis: image redis:7\.2-bookworm is not pinned/],
  [({ redis }) => (redis!.image += '@sha256:0'), /^redis: image redis:\S+@sha256:0 is not pinned/],
  [({ kafka }) => (kafka!.ports = ['9092:9092']), /^kafka: a port is not on loopback/],
  [({ cloud }) => (cloud!.ports = ['${PUBLISH_PAGE:-0.0.0.0}:5006:5006']), /^cloud: a port is not on loopback/],
  [({ edge }) => delete edge!.cap_drop, /^edge: keeps rights/],
  [({ edge }) => (edge!.cap_add = ['NET_ADMIN']), /^edge: keeps rights/],
  [({ cloud }) => (cloud!.security_opt = []), /^cloud: may gain rights/],
  [({ cloud }) => (cloud!.privileged = true), /^cloud: may gain rights/],
  [({ redis }) => delete redis!.mem_limit, /^redis: has no limit/],
  [({ kafka }) => delete kafka!.pids_limit, /^kafka: has no limit/],
  [({ kafka }) => (kafka!.cpus = 2), /^kafka: wants more cores/],
  [({ cloud }) => delete cloud!.read_only, /^cloud: its root/],
  [({ kafka }) => (kafka!.read_only = true), /^kafka: its root/],
  [({ redis }) => delete redis!.user, /^redis: runs as root/],
  [({ dev }) => (dev!.user = '0:0'), /^dev: runs as root/],
  [({ certs }) => (certs!.networks = ['cloud']), /^certs: certs: which networks/],
  [({ edge }) => (edge!.networks = ['sites', 'link']), /^edge: a network that there is not/],
  [({ edge }) => edge!.volumes!.push('other:/x'), /^edge: a volume that there is not/],
  [({ dev }) => (dev!.volumes = ['./edge:/opt/fogline/edge']), /^dev: writes into the sources/],
  [({ redis }) => (redis!.environment = { REDIS_PASSWORD: '${REDIS_PASSWORD}' }), /^redis: REDIS_PASSWORD is a secret in the environment/],
  [({ cloud }) => (cloud!.environment!['FOGLINE_REDIS_URL'] = 'redis://:p@redis:6379'), /^cloud: FOGLINE_REDIS_URL has a password/],
  [({ cloud }) => (cloud!.environment!['FOGLINE_REDIS_PASSWORD_FILE'] = '/etc/pw'), /^cloud: FOGLINE_REDIS_PASSWORD_FILE is not among/],
  [(_its, all) => delete all.secrets['redis_password']!.file, /^redis: a secret that is no file/],
  [({ edge }) => (edge!.healthcheck = { disable: true }), /^edge: no health check/],
  [({ edge }) => (edge!.depends_on!['kafka']!.condition = 'service_started'), /^edge: does not wait until kafka is service_healthy/],
  [({ cloud }) => (cloud!.depends_on!['certs']!.condition = 'service_started'), /^cloud: does not wait until certs is service_completed/],
  [(its) => delete its['certs'], /^cloud: depends on certs, which is not there/],
  [({ edge }) => delete edge!.depends_on!['kafka'], /^edge: edge does not wait for kafka/],
  [({ certs }) => (certs!.profiles = ['setup']), /^cloud: needs what its profile does not start/],
  [({ kafka }) => (kafka!.profiles = ['site']), /^demo-edge: needs what its profile does not start/],
  [({ kafka }) => (kafka!.networks = ['cloud']), /^edge: edge can not reach kafka/],
  [({ edge }) => (edge!.environment!['FOGLINE_LINK_BUNDEL_FILE'] = '/x'), /^edge: FOGLINE_LINK_BUNDEL_FILE is no setting/],
  [({ edge }) => (edge!.networks = ['site', 'link', 'cloud']), /^edge and cloud share link and cloud$/],
  [({ edge }) => (edge!.networks = ['site']), /^edge and cloud share no network$/],
  [({ redis }) => redis!.networks!.push('link'), /^redis is on the link's network$/],
  [({ edge }) => edge!.volumes!.push('cloud-state:/other'), /^edge and cloud share a volume$/],
  [({ cloud }) => cloud!.volumes!.push('ca-key:/key:ro'), /^cloud sees the key of the CA$/],
  [({ edge }) => edge!.volumes!.push('cloud-certs:/certs:ro'), /^edge sees the cloud's certificate$/],
  [({ edge }) => (edge!.volumes = ['edge-bundle:/etc/fogline/bundle']), /^edge may write edge-bundle$/],
  [({ cloud }) => (cloud!.environment!['FOGLINE_LINK_TLS'] = 'auto'), /^cloud: no mutual TLS$/],
];

test('each fault that may get into the file is told', needsChecker, () => {
  for (const [change, fault] of PLANTED) {
    const mutated = structuredClone(compose);
    change(mutated.services, mutated);
    const faults = composeFaults(mutated);
    assert(
      faults.some((told) => fault.test(told)),
      `${fault}: ${faults.join('; ') || 'nothing is told'}`,
    );
  }
});

test('Kafka: its data lie on the volume, topics are ours to make, an acknowledged record is on the disk', needsChecker, () => {
  const { environment = {}, volumes = [] } = compose.services['kafka']!;
  assert.equal(String(volumes[0]).split(':')[1], environment['KAFKA_LOG_DIRS']);
  assert.equal(environment['KAFKA_AUTO_CREATE_TOPICS_ENABLE'], 'false');
  assert.equal(environment['KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE'], 'LogAppendTime');
  assert.equal(environment['KAFKA_LOG_FLUSH_INTERVAL_MESSAGES'], '1');
  for (const [name, value] of Object.entries(environment)) if (name.endsWith('REPLICATION_FACTOR')) assert.equal(value, '1', name);
  const advertised = environment['KAFKA_ADVERTISED_LISTENERS'] ?? '';
  assert.equal(/HOST:\/\/([^,]+)/.exec(advertised)?.[1], '127.0.0.1:9092');
  const inside = /INSIDE:\/\/([^,]+)/.exec(advertised)?.[1];
  for (const name of ['edge', 'demo-edge', 'demo-simulate'])
    assert.equal(compose.services[name]?.environment?.['FOGLINE_BROKER_KAFKA_BROKERS'], inside, name);
});

test('the demo has volumes, topics and keys of its own, and says that its data are made up', needsChecker, () => {
  const volumesOf = (names: readonly string[]) =>
    new Set(names.flatMap((name) => compose.services[name]?.volumes ?? []).map((volume) => volume.split(':')[0]));
  const real = volumesOf(['certs', 'cloud', 'bundle', 'edge']);
  const demo = ['demo-setup', 'demo-cloud', 'demo-edge', 'demo-simulate'];
  for (const volume of volumesOf(demo)) assert(!real.has(volume), `${volume} is used by both`);
  for (const name of ['demo-edge', 'demo-simulate'])
    assert.equal(compose.services[name]?.environment?.['FOGLINE_BROKER_KAFKA_PREFIX'], 'demo-');
  const { environment } = compose.services['demo-cloud']!;
  assert.equal(environment?.['FOGLINE_REDIS_KEY_PREFIX'], 'demo');
  assert.equal(environment?.['FOGLINE_DASHBOARD_DATA_LABEL'], 'synthetic');
});

test('dev mounts every room that the program is of, and watches what it mounts', needsChecker, () => {
  const { volumes = [], entrypoint = [] } = compose.services['dev']!;
  const mounted = volumes.filter((volume) => volume.startsWith('./')).map((volume) => volume.split(':')[0]!.slice(2));
  const program = readFileSync(join(TOP, 'fogline.ts'), 'utf8');
  const rooms = new Set([...program.matchAll(/'\.\/([a-z]+)\//g)].map(([, room]) => room!));
  assert.deepEqual(mounted.sort(), [...rooms, 'fogline.ts'].sort());
  const watched = entrypoint.flatMap((word) => /^--watch-path=([a-z.]+)/.exec(word)?.[1] ?? []);
  assert.deepEqual(watched.sort(), mounted.sort());
});

test('the password of Redis is a file that git and the image do not see, and that README says how to make', needsChecker, () => {
  const file = compose.secrets['redis_password']?.file ?? '';
  assert.equal(file, './secrets/redis-password');
  const text = readFileSync(COMPOSE_FILE, 'utf8');
  for (const [word] of text.matchAll(/(?:requirepass|AUTH)\s+\S+/g)) assert.match(word, /^(requirepass \$\$\(cat|AUTH %s)/);
  const ignored = spawnSync('git', ['check-ignore', '--no-index', file], { cwd: TOP });
  if (ignored.error === undefined && ignored.status !== 128) assert.equal(ignored.status, 0, 'it is not in .gitignore');
  assert.match(readFileSync(join(TOP, '.gitignore'), 'utf8'), /^secrets\/$/m);
  const line = /^test -e secrets\/redis-password .*$/m.exec(readFileSync(join(TOP, 'README.md'), 'utf8'))?.[0] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'fogline-compose-'));
  try {
    for (const round of [1, 2]) assert.equal(spawnSync('sh', ['-c', line], { cwd: folder }).status, 0, `round ${round}: ${line}`);
    assert.match(readFileSync(join(folder, file), 'utf8'), /^[0-9a-f]{48}\n?$/);
    // Nobody else gets into the folder; the users of the containers, to whom the file alone is given, may read it.
    assert.equal(statSync(join(folder, 'secrets')).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o644);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the start script of Redis: password, persistence, nothing on the command line', { skip: noComposeChecker || noRedis }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-compose-'));
  const port = await freePort();
  const [shell = '', option = '', script = ''] = compose.services['redis']!.command ?? [];
  assert.deepEqual([shell, option], ['sh', '-ec']);
  const secret = join(folder, 'password');
  writeFileSync(secret, 'p-of-this-test\n');
  // As compose hands it over, with the folder and the port of this test.
  const own = filledIn(script)
    .replaceAll('/run/secrets/redis_password', secret)
    .replace('dir /data', `dir ${folder}\nport ${port}\nbind 127.0.0.1`);
  const child = spawn(shell, [option, own], { stdio: 'ignore' });
  t.after(async () => {
    await ended(child);
    rmSync(folder, { recursive: true });
  });
  const client = await connected(port, 'p-of-this-test');
  t.after(() => client.disconnect());
  await assert.rejects(connected(port, 'another', 1), /WRONGPASS/);
  assert.deepEqual(await client.config('GET', 'appendonly'), ['appendonly', 'yes']);
  assert.deepEqual(await client.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction']);
  assert.deepEqual(await client.config('GET', 'save'), ['save', '']);
  // The health check says so too, and is red for another password.
  const health = filledIn(compose.services['redis']!.healthcheck?.test?.[1] ?? '').replace('redis-cli', `redis-cli -p ${port}`);
  const isHealthy = () => spawnSync('sh', ['-c', health.replaceAll('/run/secrets/redis_password', secret)]).status === 0;
  assert.equal(isHealthy(), true, health);
  writeFileSync(secret, 'another');
  assert.equal(isHealthy(), false);
  const shown = spawnSync('ps', ['-o', 'args=', '-p', String(child.pid)], { encoding: 'utf8' });
  if (shown.status === 0) assert.match(shown.stdout, /^redis-server/);
  if (shown.status === 0) assert.doesNotMatch(shown.stdout, /p-of-this-test/);
});

async function connected(port: number, password: string, attempts = PATIENT_MS / 50): Promise<Redis> {
  for (let attempt = 1; ; attempt++) {
    const options = { host: '127.0.0.1', port, password, protocol: 2, replyMapping: 'legacy', lazyConnect: true } as const;
    const client = new Redis({ ...options, retryStrategy: () => null });
    let cause: Error | undefined;
    client.on('error', (error: Error) => {
      cause ??= error;
    });
    try {
      await client.connect();
      await client.ping();
      return client;
    } catch (error) {
      client.disconnect();
      if (attempt >= attempts) throw cause ?? error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}
