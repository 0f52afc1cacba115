/** The doors of real processes: no secret anywhere, tokens made, used and revoked, names from devices that do no harm. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AlertsReply, EventsReply } from '../../cloud/server/api/api-types.ts';
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import { openBroker } from '../../common/broker/open-broker.ts';
import type { ChildEvent } from '../../common/child-events.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { SpLinkClient } from '../../common/link/sp-link.ts';
import { silentLogger } from '../../common/logger.ts';
import { plainText } from '../../common/plain-text.ts';
import { randomSecret, seededRandom } from '../../common/random.ts';
import { encodeRequest } from '../../common/wire.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { noRedis, RedisServer } from '../doubles/redis-server.ts';
import { until } from '../doubles/until.ts';

const ENTRY = fileURLToPath(new URL('../../fogline.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');
const PATIENT_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'fogline-doors-'));
/** Of certificates, where they may lie. */
const keys = mkdtempSync(join(tmpdir(), 'fogline-doors-keys-'));
after(() => {
  for (const its of [folder, keys]) rmSync(its, { recursive: true, force: true });
});

type Environment = Record<string, string>;

/** A fogline process, and everything it says. */
class Said {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(args: readonly string[], env: Environment = {}) {
    this.child = spawn(process.execPath, ['--import', TSX, ENTRY, ...args], { env: { ...process.env, ...env }, cwd: folder });
    this.child.stdout!.setEncoding('utf8').on('data', (piece: string) => (this.stdout += piece));
    this.child.stderr!.setEncoding('utf8').on('data', (piece: string) => (this.stderr += piece));
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  /** Its first event of this kind; rejects when it ends without. */
  async event<K extends ChildEvent['event']>(kind: K): Promise<Extract<ChildEvent, { event: K }>> {
    const lines = createInterface({ input: this.child.stdout! });
    return new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const event = JSON.parse(line) as ChildEvent;
        if (event.event === kind) resolve(event as Extract<ChildEvent, { event: K }>);
      });
      void this.ended.then((code) => reject(new Error(`ended with ${code}: ${this.stderr}`)));
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}

async function fogline(args: readonly string[], env: Environment = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const said = new Said(args, env);
  const code = await said.ended;
  return { code, stdout: said.stdout, stderr: said.stderr };
}

/** Where a secret stands, by name of place. */
function placesOf(secret: string, places: ReadonlyMap<string, Buffer | string>): string[] {
  return [...places].flatMap(([place, content]) =>
    content.includes(secret) || content.includes(encodeURIComponent(secret)) ? [place] : [],
  );
}

function filesOf(dir: string): [string, Buffer][] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name))]);
}

async function cloudFor(t: TestContext, stateDir: string, args: readonly string[] = [], env: Environment = {}) {
  const said = new Said(['cloud', '--json', '--state', stateDir, ...ANY_PORTS, ...args], env);
  t.after(() => said.stop('SIGKILL'));
  const ready = await said.event('ready');
  assert(ready.part === 'cloud');
  return { said, ready };
}

type Places = Map<string, Buffer | string>;

function sets(...settings: string[]): string[] {
  return settings.flatMap((setting) => ['--set', setting]);
}

/** What the page's server answers, to a good token and to wrong ones. */
async function answersOf(url: string, token: string): Promise<Places> {
  const places: Places = new Map();
  const withToken = { headers: { authorization: `Bearer ${token}` } };
  for (const path of ['/metrics', '/api/v1/edges', '/api/v1/alerts', '/api/v1/nothing', '/api/v1/states?form=1']) {
    const reply = await fetch(url + path, withToken);
    places.set(`${path} ${reply.status}`, (await reply.text()) + JSON.stringify([...reply.headers]));
  }
  for (const authorization of [`Bearer ${token}x`, `Basic ${token}`, '']) {
    const refused = await fetch(`${url}/api/v1/states?token=${token}`, { headers: { authorization } });
    assert.equal(refused.status, 401);
    places.set(`refused ${places.size}`, await refused.text());
  }
  return places;
}

/** What commands say, those that go well and those that fail at Redis and Kafka. */
async function commandsSaid(stateDir: string, settings: readonly string[], good: Environment, wrong: Environment): Promise<Places> {
  const unreachable = sets('broker.kind=kafka', 'broker.kafka_brokers=127.0.0.1:1');
  const commands: [name: string, args: string[], env: Environment, isGood: boolean][] = [
    ['show', ['config', 'show', '--origin'], good, true],
    ['json', ['config', 'show', '--json'], good, true],
    ['list', ['token', 'list', '--state', stateDir], good, true],
    ['doctor', ['doctor', '--state', stateDir, ...settings], wrong, false],
    ['edge', ['edge', '--json', '--state', join(folder, 'other'), ...settings, ...unreachable], good, false],
  ];
  const places: Places = new Map();
  for (const [name, args, env, isGood] of commands) {
    const { code, stdout, stderr } = await fogline(args, env);
    assert.equal(code === 0, isGood, `${name}: ${stderr}`);
    places.set(name, stdout + stderr);
  }
  return places;
}

/** A CA and a bundle of the edge, in files outside of what is searched; and of each key a line that no other text has. */
async function madeKeys(): Promise<{ settings: string[]; secrets: Record<string, string> }> {
  const [certsDir, bundle] = [join(keys, 'certs'), join(keys, 'edge.pem')];
  const steps = [
    ['init', '--host', '127.0.0.1'],
    ['edge', 'edge-1', '--any-household', '--out', bundle],
  ];
  for (const step of steps) {
    const { code, stderr } = await fogline(['certs', ...step, '--dir', certsDir]);
    assert.equal(code, 0, stderr);
  }
  const secrets: Record<string, string> = {};
  for (const [path, content] of filesOf(keys)) {
    const [, firstLine] = /-----BEGIN [A-Z ]*PRIVATE KEY-----\n[^]{10}([^\n]+)/.exec(content.toString()) ?? [];
    if (firstLine !== undefined) secrets[path] = firstLine;
  }
  assert.equal(Object.keys(secrets).length, 3, 'the keys of the CA, of the cloud and of the edge');
  return { settings: sets('link.tls=on', `link.certs_dir=${certsDir}`, `link.bundle_file=${bundle}`), secrets };
}

/** What a browser is given for the token. */
async function sessionOf(url: string, token: string): Promise<string> {
  const reply = await fetch(`${url}/login`, { method: 'POST', body: new URLSearchParams({ token }), redirect: 'manual' });
  const [cookie] = reply.headers.getSetCookie();
  assert(cookie !== undefined, `no session: ${reply.status}`);
  return cookie.slice(cookie.indexOf('=') + 1, cookie.indexOf(';'));
}

test('no secret is said, logged, kept or answered by a whole run', { skip: noRedis }, async (t) => {
  const stateDir = join(folder, 'run');
  const redis = new RedisServer();
  await redis.start();
  t.after(() => redis.stop());
  const kafka = randomSecret();
  const made = await fogline(['token', 'new', '--state', stateDir, '--json']);
  const { id, token } = JSON.parse(made.stdout) as { id: string; token: string };
  const env = {
    FOGLINE_REDIS_URL: redis.url(),
    FOGLINE_BROKER_KAFKA_PASSWORD: kafka,
    FOGLINE_DASHBOARD_TOKEN: token,
    FOGLINE_LOG_LEVEL: 'debug',
  };
  const tls = await madeKeys();
  const settings = [
    ...ANY_PORTS,
    ...tls.settings,
    ...sets('cloud.http_token=always', 'broker.kafka_sasl=plain', 'broker.kafka_user=fogline'),
  ];
  const run = new Said(['run', '--json', '--state', stateDir, '--until', '60', '--speed', '30', '--exit-when-done', ...settings], env);
  t.after(() => run.stop('SIGKILL'));
  const { url } = (await run.event('ready')) as { url: string };
  const places = await answersOf(url, token);
  const session = await sessionOf(url, token);
  assert.equal(await run.ended, 0, run.stderr);
  const summary = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as { readings: number };
  assert(summary.readings > 100, 'the run showed its token to its cloud');
  const wrong = { ...env, FOGLINE_REDIS_URL: redis.url(`${redis.password} not`) };
  for (const [place, text] of await commandsSaid(stateDir, settings, env, wrong)) places.set(place, text);
  places.set('stdout', run.stdout).set('stderr', run.stderr);
  for (const [path, content] of filesOf(folder)) places.set(path, content);
  assert(places.size > 20 && existsSync(join(stateDir, 'logs', 'cloud.log')));
  // The net has no hole: it finds what does stand there.
  assert.match(String(places.get('show')), /broker\.kafka_password = \(secret\)/);
  assert(placesOf('fogline_http_requests_total', places).includes('/metrics 200'));
  const withId = placesOf(id, places);
  assert(withId.includes('list') && withId.some((place) => place.endsWith('tokens.json')));
  for (const [name, secret] of Object.entries({
    redis: redis.password,
    kafka,
    token,
    'part of the token': token.slice(8),
    session,
    ...tls.secrets,
  }))
    assert.deepEqual(placesOf(secret, places), [], name);
});

test('the first token is said once and not kept; export and the API want it; revoked it opens nothing', async (t) => {
  const stateDir = join(folder, 'first');
  const always = ['--set', 'cloud.http_token=always'];
  const first = await cloudFor(t, stateDir, always);
  const { token } = await until(() => {
    const line = first.said.stdout.split('\n').find((its) => its.includes('"token"'));
    return line === undefined ? undefined : (JSON.parse(line) as { token: string });
  }, 'token');
  const files = new Map(filesOf(stateDir));
  assert(files.size > 2);
  assert.deepEqual(placesOf(token, files), []);
  assert(!first.said.stderr.includes(token));
  const { url } = first.ready;
  const shut = await fogline(['export', '--url', url]);
  assert.equal(shut.code, 2);
  assert.match(shut.stderr, /a token is demanded[\s\S]*FOGLINE_DASHBOARD_TOKEN/);
  const open = await fogline(['export', '--url', url], { FOGLINE_DASHBOARD_TOKEN: token });
  assert.deepEqual([open.code, open.stdout], [0, 'household,device,field,window_start,mean,min,max,last,count\n']);
  const onCommandLine = await fogline(['export', '--url', url, '--set', `dashboard.token=${token}`]);
  assert.equal(onCommandLine.code, 2);
  assert(!onCommandLine.stderr.includes(token));
  await first.said.stop();
  const second = await cloudFor(t, stateDir, always);
  const ask = async () => (await fetch(`${second.ready.url}/api/v1/edges`, { headers: { authorization: `Bearer ${token}` } })).status;
  assert.equal(await ask(), 200);
  const listed = JSON.parse((await fogline(['token', 'list', '--state', stateDir, '--json'])).stdout) as { id: string }[];
  assert.equal((await fogline(['token', 'revoke', listed[0]!.id, '--state', stateDir])).code, 0);
  await until(async () => (await ask()) === 401, 'refused');
  await second.said.stop();
  assert(!second.said.stdout.includes('"token"'), 'said once');
});

test('an edge that dies while the cloud is restarted is told, once, and the alert outlives the next restart too', async (t) => {
  const stateDir = join(folder, 'restarted');
  const quick = ['--set', 'cloud.silent_after_seconds=1'];
  const first = await cloudFor(t, stateDir, quick);
  const client = new SpLinkClient({
    host: '127.0.0.1',
    port: first.ready.dataPort,
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
  });
  await client.start();
  const households = [{ household: 'home', generation: 0 }];
  const hello = { edge: 'edge-7', epoch: 'epoch', claim: 'claim', windowMs: 5_000, households };
  await client.request(encodeRequest({ kind: 'hello', hello }), PATIENT_MS);
  await client.stop();
  await first.said.stop('SIGKILL');
  const read = async (url: string) => {
    const { alerts } = (await (await fetch(`${url}/api/v1/alerts`)).json()) as AlertsReply;
    return alerts.find(({ alert, subject }) => alert === 'edge-silent' && subject === 'edge-7');
  };
  const second = await cloudFor(t, stateDir, quick);
  const told = await until(() => read(second.ready.url), 'told');
  assert.match(told.detail, /not heard since/);
  await until(() => second.said.stderr.includes('alert raised: is silent'), 'in the log');
  await second.said.stop('SIGKILL');
  const third = await cloudFor(t, stateDir, quick);
  assert.equal((await until(() => read(third.ready.url), 'still there')).since, told.since);
  await systemClock.sleep(2_500);
  const { events } = (await (await fetch(`${third.ready.url}/api/v1/events`)).json()) as EventsReply;
  assert.deepEqual(
    events.map(({ change, alert, subject }) => [change, alert, subject]),
    [['raised', 'edge-silent', 'edge-7']],
  );
});

/** What a device may call itself: HTML, a formula, SQL, a line of a log, a terminal's commands. */
const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '=cmd|calc!A1',
  "x'; DROP TABLE parts; --",
  'a\n{"level":"error","msg":"forged"}',
  '\u001b]0;owned\u0007\u001b[2J',
  '../../etc/passwd',
  '__proto__',
];

test('hostile names of households, devices and fields come no further than the edge, and harm nothing there', async (t) => {
  const stateDir = join(folder, 'hostile');
  const broker = openBroker(configWith({}), stateDir, systemClock, silentLogger);
  await broker.start();
  await broker.ensureTopic(POWER_TOPIC, { partitions: 1, retentionMs: 86_400_000 });
  const reading = { v: 1, household: 'good', device: '-1-2', src: 's', seq: 1, t: 1_577_145_600_000, values: { power: 5 } };
  const mark = { v: 1, mark: 1_577_145_700_000, run: 'r', end: false };
  const bodies: object[] = [reading];
  for (const name of HOSTILE) {
    bodies.push({ ...reading, household: name }, { ...reading, device: name }, { ...reading, src: name });
    bodies.push(
      JSON.parse(`{"v":1,"household":"good","device":"meter","src":"s","seq":1,"t":1577145600000,"values":{${JSON.stringify(name)}:5}}`),
    );
    bodies.push({ ...reading, v: name });
  }
  bodies.push({ ...reading, device: 'meter', src: 'ß' }, mark);
  const records = bodies.map((body) => ({ key: 'good', value: Buffer.from(JSON.stringify(body)) }));
  await broker.append(POWER_TOPIC, 0, records);
  await broker.stop();
  const cloud = await cloudFor(t, stateDir);
  const { heartbeatPort, dataPort, url } = cloud.ready;
  const ports = ['--set', `link.heartbeat_port=${heartbeatPort}`, '--set', `link.data_port=${dataPort}`];
  const edge = new Said(['edge', '--json', '--state', stateDir, ...ports]);
  t.after(() => edge.stop('SIGKILL'));
  const csv = await until(async () => {
    const text = await (await fetch(`${url}/api/v1/export`)).text();
    return text.includes('good') ? text : undefined;
  }, 'the good reading');
  const unreadable = await until(async () => {
    const { edges } = (await (await fetch(`${url}/api/v1/edges`)).json()) as { edges: { unreadable: number }[] };
    return edges[0] !== undefined && edges[0].unreadable === records.length - 2 ? edges[0].unreadable : undefined;
  }, 'all looked at');
  assert.equal(unreadable, HOSTILE.length * 5 + 1);
  const row = "good,'-1-2,power,2019-12-24T00:00:00.000Z,5,5,5,5,1";
  assert.deepEqual(csv.trim().split('\n').slice(1), [row]);
  const local = await fogline(['export', '--state', stateDir]);
  assert.deepEqual(local.stdout.trim().split('\n').slice(1), [row]);
  const list = await fogline(['parked', 'list', '--state', stateDir]);
  assert.equal(list.code, 0, list.stderr);
  await edge.stop();
  await cloud.said.stop();
  for (const text of [list.stdout, edge.stderr, cloud.said.stderr, edge.stdout, cloud.said.stdout]) assert.equal(text, plainText(text));
  const lines = [edge.stderr, cloud.said.stderr].flatMap((text) => text.trim().split('\n'));
  assert(lines.length > 2);
  for (const line of lines) assert.notEqual((JSON.parse(line) as { msg: string }).msg, 'forged');
});
