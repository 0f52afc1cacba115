/**
 * The Dockerfile, built without a container engine (tests/doubles/image-build.ts), and what comes of it, started as an engine would: as the
 * first process of its own, as the image's user, with nothing to write but its volume and /tmp. Then the services of docker-compose.yml
 * in that image, each with what the file gives it, on networks like the file's, with a real Kafka and a real Redis.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { noKafka } from '../../scripts/real-kafka.ts';
import { noBareDebian } from '../doubles/bare-debian.ts';
import { ComposeBackends } from '../doubles/compose-backends.ts';
import { type Compose, noComposeChecker, parseCompose } from '../doubles/compose-file.ts';
import { ComposeNetworks, noNetworks } from '../doubles/compose-networks.ts';
import { ComposeServices } from '../doubles/compose-services.ts';
import { lastOf, parseDockerfile, type Stage, wordsOf } from '../doubles/dockerfile.ts';
import { freePorts } from '../doubles/free-port.ts';
import { noRedis } from '../doubles/redis-server.ts';
import { asUser, copyContext, ImageBuild, quoted, runStep, type StageState, WITHOUT_RIGHTS } from '../doubles/image-build.ts';
import { until } from '../doubles/until.ts';

const TOP = join(import.meta.dirname, '../..');
/** Some three minutes on a quiet machine: packages are fetched, two addons compiled. */
const PATIENT = { skip: noBareDebian, timeout: 1_800_000 };
const READY_ATTEMPTS = 240;
const STATE = '/var/lib/fogline';

const context = mkdtempSync(join(tmpdir(), 'fogline-image-'));
const dockerfile = parseDockerfile(readFileSync(join(TOP, 'Dockerfile'), 'utf8'));
const runtime: Stage = dockerfile.stages.at(-1)!;
let build: ImageBuild | undefined;
let image: StageState;

before(async () => {
  if (noBareDebian !== false) return;
  copyContext(TOP, context);
  build = new ImageBuild(dockerfile, context);
  image = await build.build();
}, PATIENT);
after(async () => {
  await build?.[Symbol.asyncDispose]();
  rmSync(context, { recursive: true, force: true });
});

/** Says what the image says, and what it is left with. */
function inImage(command: string) {
  return runStep(image, command);
}

test(
  'every RUN of the Dockerfile does its work in a bare Debian; npm, compilers and packages of development are not in the image',
  PATIENT,
  async () => {
    assert.equal(image.user, '10001:10001');
    const { status, stdout } = await inImage('fogline --help && id -u && pwd');
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: fogline/);
    assert.match(stdout, /\n10001\n\/var\/lib\/fogline\n$/);
    for (const absent of ['npm', 'npx', 'g++', 'make', 'python3'])
      assert.notEqual((await inImage(`command -v ${absent}`)).status, 0, absent);
    for (const absent of ['typescript', 'vite', 'playwright-core', '@biomejs/biome']) {
      assert.notEqual((await inImage(`test -e /opt/fogline/node_modules/${absent}`)).status, 0, absent);
    }
    const owned = await inImage(`touch ${STATE}/mine && rm ${STATE}/mine && ! touch /opt/fogline/dist/theirs 2>/dev/null`);
    assert.equal(owned.status, 0, 'writes its state and not the program');
  },
);

test('the smoke test of the build is red when an addon is not there', PATIENT, async () => {
  const smoke = runtime.steps.findLast((step) => step.instruction === 'RUN')!.text;
  const rerun = { ...image, workdir: '/opt/fogline' };
  assert.equal((await runStep(rerun, smoke)).status, 0);
  const { debian } = image;
  for (const name of ['better-sqlite3', 'nanomsg']) {
    const built = `/opt/fogline/node_modules/${name}/build`;
    await debian.run(`test -n "$(find ${built} -name '*.node')" && mv ${built} /srv/build`);
    assert.notEqual((await runStep(rerun, smoke)).status, 0, `without ${name}`);
    await debian.run(`mv /srv/build ${built}`);
  }
  assert.notEqual((await runStep(rerun, 'true && false')).status, 0);
});

/** Starts the image's program as the first process of its own, the root read-only, /tmp and the state to write. Its log is in the root. */
async function start(command: readonly string[], env: Record<string, string>, log: string): Promise<number> {
  const { debian } = image;
  const words = [...wordsOf(lastOf(runtime, 'ENTRYPOINT').text), ...command].map(quoted).join(' ');
  const inside = [
    'mount -t tmpfs -o mode=1777 tmpfs /tmp',
    `mount --bind ${STATE} ${STATE}`,
    'mount -o remount,bind,ro /',
    `cd ${STATE}`,
    `exec ${asUser(image.user, WITHOUT_RIGHTS)} ${words}`,
  ].join(' && ');
  const script = `unshare --mount --pid --fork --mount-proc /bin/sh -c ${quoted(inside)} >${log} 2>&1 </dev/null & echo $!`;
  return Number(await debian.run(script, { env: { ...image.env, ...env } }));
}

test(
  'started with a read-only root and without rights: its health check is green, SIGTERM ends it in order, its data stay',
  PATIENT,
  async () => {
    const { debian } = image;
    const [http, heartbeat, data] = await freePorts(3);
    const env = {
      FOGLINE_CLOUD_HTTP_PORT: String(http),
      FOGLINE_LINK_HEARTBEAT_PORT: String(heartbeat),
      FOGLINE_LINK_DATA_PORT: String(data),
    };
    const healthCommand = /CMD (.*)$/.exec(lastOf(runtime, 'HEALTHCHECK').text)?.[1] ?? '';
    const isHealthy = async () => {
      const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
      return (await inImage(['env', ...settings, ...wordsOf(healthCommand).map(quoted)].join(' '))).status === 0;
    };
    assert.equal(await isHealthy(), false, 'nothing runs yet');
    for (const round of [1, 2]) {
      const log = `/srv/cloud-${round}.log`;
      const unshare = await start(['cloud'], env, log);
      for (let attempt = 0; !(await isHealthy()); attempt++) {
        assert(attempt < READY_ATTEMPTS, `never healthy: ${await debian.run(`cat ${log}`)}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      const page = await fetch(`http://127.0.0.1:${http}/`);
      assert.equal(page.status, 200);
      assert.match(await page.text(), /<title>/);
      const node = (await debian.run(`cat /proc/${unshare}/task/${unshare}/children`)).trim();
      assert.match(await debian.run(`grep NSpid /proc/${node}/status`), /\s1\n$/, 'it is the first process');
      assert.match(await debian.run(`grep -E 'CapEff|NoNewPrivs|^Uid' /proc/${node}/status`), /10001[^]*CapEff:\s0+\n[^]*NoNewPrivs:\s1/);
      const stopped = await debian.run(
        `kill -TERM ${node}; for i in $(seq 600); do kill -0 ${unshare} 2>/dev/null || break; sleep 0.1; done; cat ${log}`,
      );
      assert.equal((await debian.attempt(`kill -0 ${unshare}`)).status, 1, `still there: ${stopped}`);
      assert.equal(await isHealthy(), false);
      // A database that was closed in order leaves no log of writes behind.
      await debian.run(`test -s ${STATE}/cloud/series.db && ! test -s ${STATE}/cloud/series.db-wal`);
    }
    // As the image has it, for the next test.
    await debian.run(`find ${STATE} -mindepth 1 -delete`);
  },
);

const COMPOSED = { ...PATIENT, skip: noBareDebian || noNetworks || noComposeChecker || noKafka || noRedis };
/** Asks from inside a container, where the page is on loopback; the token is in its environment. */
const ASK =
  "fetch(process.argv[1],{headers:{authorization:'Bearer '+process.env.TOKEN}}).then(async r=>process.stdout.write(await r.text()))";
const DIAL = `const socket = require('net').connect(6379, process.argv[1]);
  socket.setTimeout(3000, () => process.exit(1)).on('error', () => process.exit(1)).on('connect', () => process.exit(0))`;

interface Household {
  household: string;
  powerW: number | null;
}

/** The containers of a compose file, and questions to them. */
class Composed implements AsyncDisposable {
  readonly compose: Compose = parseCompose();
  readonly networks = new ComposeNetworks(this.compose);
  readonly backends = new ComposeBackends(this.compose, this.networks);
  readonly services = new ComposeServices(this.compose, this.networks, image, runtime, { redis_password: `${this.backends.password}\n` });

  async start(): Promise<void> {
    await this.networks.start();
    for (const name of Object.keys(this.compose.services)) await this.networks.attach(name);
    await this.backends.start();
  }

  async succeeds(name: string, command?: readonly string[], stdin?: string): Promise<string> {
    const { status, stdout, stderr } = await this.services.once(name, command, stdin);
    assert.equal(status, 0, `${name}: ${stdout}\n${stderr}`);
    return stdout;
  }

  async text(name: string, url: string, token = ''): Promise<string> {
    const { status, stdout, stderr } = await this.services.exec(name, ['node', '-e', ASK, url], { TOKEN: token });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  async ask<T>(name: string, path: string, token: string): Promise<T> {
    return JSON.parse(await this.text(name, `http://127.0.0.1:5006${path}`, token)) as T;
  }

  async newToken(name: string): Promise<string> {
    const { status, stdout } = await this.services.exec(name, ['fogline', 'token', 'new']);
    assert.equal(status, 0);
    return stdout.trim();
  }

  async edgeState(name: string, token: string): Promise<string | undefined> {
    const { edges } = await this.ask<{ edges: { edge: string; state: string }[] }>(name, '/api/v1/edges', token);
    assert.deepEqual(
      edges.map(({ edge }) => edge),
      ['edge-1'],
    );
    return edges[0]?.state;
  }

  async dials(name: string, address: string): Promise<boolean> {
    return (await this.services.exec(name, ['node', '-e', DIAL, address])).status === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.services[Symbol.asyncDispose]();
    await this.backends[Symbol.asyncDispose]();
    await this.networks[Symbol.asyncDispose]();
  }
}

test('profile demo: readings arrive over mutual TLS; apart from the link nobody meets; an outage and its end', COMPOSED, async () => {
  await using site = new Composed();
  await site.start();
  const { services, networks } = site;
  await site.succeeds('demo-setup');
  const bundleFile = image.debian.path('/srv/volumes/demo-bundle/edge.pem');
  const bundle = readFileSync(bundleFile, 'utf8');
  await site.succeeds('demo-setup');
  assert.equal(readFileSync(bundleFile, 'utf8'), bundle, 'another start makes nothing anew');
  for (const name of ['demo-cloud', 'demo-simulate', 'demo-edge']) await services.start(name);
  const token = await site.newToken('demo-cloud');
  assert.match(await services.logOf('demo-edge'), /link by sp over TLS/);
  await until(async () => {
    const { households } = await site.ask<{ households: Household[] }>('demo-cloud', '/api/v1/households', token);
    return households.length === 16 && households.every(({ powerW }) => powerW !== null);
  }, 'every household has a power');
  assert.equal(await site.edgeState('demo-cloud', token), 'live');
  assert.match(await site.text('demo-cloud', 'http://127.0.0.1:5006/metrics', token), /^fogline_redis_up 1$/m);
  assert.doesNotMatch(await services.logOf('demo-cloud'), /fogline_[A-Za-z0-9_-]{40}/, 'no token is said into the log');

  // Negative and positive: the edge does not get to Redis, by name or address; the cloud does.
  const redis = networks.addressOf('redis', 'cloud');
  assert.equal(await site.dials('demo-cloud', 'redis'), true);
  for (const address of ['redis', redis]) assert.equal(await site.dials('demo-edge', address), false, address);
  const seen = await services.exec('demo-edge', ['find', '/etc/fogline', '/run/secrets', '/srv', '-type', 'f']);
  assert.equal(seen.stdout, '/etc/fogline/bundle/edge.pem\n');
  const written = await services.exec('demo-edge', ['sh', '-c', 'echo x > /etc/fogline/bundle/x || echo x > /opt/fogline/x']);
  assert.match(written.stderr, /bundle\/x: Read-only[^]*opt\/fogline\/x: Read-only/);

  const queued = async () => (JSON.parse(await site.text('demo-edge', 'http://127.0.0.1:5007/status')) as { queued: number }).queued;
  networks.disconnect('demo-edge', 'link');
  await until(async () => (await site.edgeState('demo-cloud', token)) === 'silent', 'the cloud misses the edge');
  await until(async () => (await queued()) > 50, 'its outbox fills');
  assert.equal(await services.isHealthy('demo-edge'), true, 'an edge in an outage is healthy');
  networks.connect('demo-edge', 'link');
  await until(async () => (await site.edgeState('demo-cloud', token)) === 'live', 'the edge is back');
  await until(async () => (await queued()) === 0, 'its outbox drains');
  // Nothing was given up: what is missing in these homes is missing in their files too.
  const { gaps } = await site.ask<{ gaps: { declared: number }[] }>('demo-cloud', '/api/v1/gaps', token);
  assert.deepEqual(
    gaps.filter(({ declared }) => declared > 0),
    [],
  );
  for (const name of ['demo-edge', 'demo-cloud']) assert.equal(await services.stop(name), 0, `${name} ends in order`);
});

test('profiles site and cloud: certificates made once, the bundle handed over, readings arrive', COMPOSED, async () => {
  await using site = new Composed();
  await site.start();
  const { services } = site;
  await site.succeeds('certs');
  await site.succeeds('certs');
  const bundle = await site.succeeds('certs', ['fogline certs edge edge-1 --any-household']);
  const without = await services.once('edge');
  assert.equal(without.status, 2);
  assert.match(without.stderr, /the edge's bundle, \/etc\/fogline\/bundle\/edge\.pem, can't be read/);
  const refused = await services.once('bundle', undefined, 'Hello');
  assert.deepEqual([refused.status, refused.stderr], [1, 'that is no bundle of fogline certs edge\n']);
  await site.succeeds('bundle', undefined, bundle);
  await services.start('cloud');
  await services.start('edge');
  const token = await site.newToken('cloud');
  await until(async () => {
    const { edges } = await site.ask<{ edges: { state: string }[] }>('cloud', '/api/v1/edges', token);
    return edges[0]?.state === 'live';
  }, 'the edge is heard');
  // Somebody on the site puts two minutes of readings into its topic.
  await site.succeeds('edge', ['simulate', '--until', '120', '--speed', 'max']);
  await until(async () => {
    const { households } = await site.ask<{ households: Household[] }>('cloud', '/api/v1/households', token);
    return households.length === 16 && households.every(({ powerW }) => powerW !== null);
  }, 'they arrive');
  for (const name of ['edge', 'cloud']) assert.equal(await services.stop(name), 0, `${name} ends in order`);
});
