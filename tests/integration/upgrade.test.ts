/**
 * A host with a cloud and an edge goes from one release to the next and back, each time with a backlog in the edge: nothing is lost, says
 * the audit. And from a store of an older schema, where there is no way back: then nothing is changed. About a minute on a quiet machine.
 *
 * The older release is an earlier tree of the history, under a number of its own. A checkout without history takes today's tree for it, and
 * the name of the test says so.
 */
import assert from 'node:assert/strict';
import { type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { SCHEMA_VERSION } from '../../cloud/server/storage/migrations/migrate.ts';
import { VERSION } from '../../common/version.ts';
import { makeRelease } from '../../scripts/release.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { assertSameAtEveryStage, assertYes, fogline, type Report } from '../doubles/audited-run.ts';
import { noBareDebian } from '../doubles/bare-debian.ts';
import { DebianHost } from '../doubles/debian-host.ts';
import { freePorts } from '../doubles/free-port.ts';
import { earlierTree, hasEarlierTree, releaseAs } from '../doubles/older-release.ts';
import { makeOlder } from '../doubles/older-series-file.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { until } from '../doubles/until.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const limits = { skip: noBareDebian, timeout: 600_000 };

const folder = mkdtempSync(join(tmpdir(), 'fogline-upgrade-'));
const dataDir = join(folder, 'data');
const state = join(folder, 'state');
/** What the older release is made of. */
const OLDER = hasEarlierTree() ? 'an earlier tree' : "today's tree under another number, for there is no history here";
const host = new DebianHost();
const children: ChildProcess[] = [];
let older = '';
let newer = '';
let statusUrl = '';
let start: { cloud: string; edge: string } = { cloud: '', edge: '' };

before(async () => {
  if (noBareDebian !== false) return;
  ensureBuilt();
  writeMeteredData(dataDir, { households: 2, seconds: 1_800, seed: 9 });
  const from = hasEarlierTree() ? earlierTree(folder) : TOP;
  const tars = [await releaseAs('0.0.9', folder, () => {}, from), await makeRelease(TOP, join(folder, 'release'))];
  await host.start();
  [older = '', newer = ''] = [await host.bring(tars[0] as string), await host.bring(tars[1] as string)];
  await host.debian.copyIn(dataDir, '/srv/data');
});

after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What release.json will say of series.db. */
function asIfOfSchema(schema: number): (top: string) => void {
  return (top) => {
    const file = join(top, 'dist/cloud/server/storage/migrations/migrate.js');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('SCHEMA_VERSION = MIGRATIONS.length', `SCHEMA_VERSION = ${schema}`));
  };
}

const version = async () => (await host.debian.run('fogline --version')).trim();
const edgeStatus = async () => (await (await fetch(statusUrl)).json()) as { queued: number; sent: number; acked: number };

/** Puts so many seconds of the recording into the topic. */
async function simulate(untilSeconds: number): Promise<void> {
  const command = 'fogline simulate --state /var/lib/fogline/edge-home-1 --data /srv/data --speed max';
  await host.debian.run(`${command} --until ${untilSeconds} >>/srv/simulate.log 2>&1`);
}

/** So many seconds are in the topic, and in the edge, which can't ship them: the cloud is stopped. */
async function takeIn(untilSeconds: number): Promise<void> {
  children.push(host.startPart(start.edge, 'edge'));
  await simulate(untilSeconds);
  const isWaiting = async () => (await edgeStatus()).queued > 100;
  await until(() => isWaiting().catch(() => false), 'a backlog', { more: () => host.log('edge') });
  await host.stopPart(start.edge);
}

/** Edge and cloud run until nothing waits; the audit compares every stage with the files. */
async function drainAndAudit(): Promise<void> {
  for (const part of ['cloud', 'edge'] as const) children.push(host.startPart(start[part], part));
  const args = ['audit', '--state', state, '--data', dataDir, '--json'];
  const isDrained = async () => {
    const { queued, sent } = await edgeStatus();
    return queued + sent === 0 && (JSON.parse(fogline(...args).stdout) as { waiting: number }).waiting === 0;
  };
  const more = () => host.log('edge') + host.log('cloud');
  await until(() => isDrained().catch(() => false), 'the backlog to drain', { more });
  for (const part of ['edge', 'cloud'] as const) await host.stopPart(start[part]);
  const report = JSON.parse(fogline(...args).stdout) as Report;
  assertYes(report);
  assertSameAtEveryStage(report);
}

function starts(commands: readonly string[]): { cloud: string; edge: string } {
  const of = (name: string) => commands.find((line) => line.includes(`/${name}.ini`)) ?? '';
  return { cloud: of('cloud'), edge: of('edge-home-1') };
}

test('a folder that is no checkout has no history', () => {
  assert.equal(hasEarlierTree(folder), false);
});

test(`an older release (${OLDER}) with a backlog, then the newer one: nothing is lost`, limits, async () => {
  const env = { FOGLINE_RELEASE_URL: older, FOGLINE_REDIS: 'no', FOGLINE_EDGE_ID: 'home-1' };
  await host.install('install', { ...env, FOGLINE_ROLE: 'cloud' });
  start = starts(await host.install('install', { ...env, FOGLINE_ROLE: 'edge' }));
  assert(start.cloud !== '' && start.edge !== '', JSON.stringify(start));
  const [http = 0, heartbeat = 0, data = 0, status = 0] = await freePorts(4);
  statusUrl = `http://127.0.0.1:${status}/status`;
  const linkPorts = `-e '/^.link.$/a heartbeat_port = ${heartbeat}\\ndata_port = ${data}'`;
  await host.debian.run(`sed -i ${linkPorts} -e '/^.cloud.$/a http_port = ${http}' /etc/fogline/cloud.ini`);
  await host.debian.run(`sed -i ${linkPorts} -e '/^.edge.$/a status_port = ${status}' /etc/fogline/edge-home-1.ini`);
  mkdirSync(state);
  const ofEdge = host.debian.path('/var/lib/fogline/edge-home-1');
  for (const part of ['simulator', 'edge', 'broker']) symlinkSync(join(ofEdge, part), join(state, part));
  symlinkSync(host.debian.path('/var/lib/fogline/cloud/cloud'), join(state, 'cloud'));

  assert.match((await host.attempt('install', { ...env, FOGLINE_ROLE: 'cloud', FOGLINE_RELEASE_URL: newer })).stderr, /use upgrade/);
  // An edge takes nothing in before a cloud has given it its households.
  await simulate(300);
  await drainAndAudit();
  await takeIn(600);
  start = starts(await host.install('upgrade', { FOGLINE_RELEASE_URL: newer }));
  assert.equal(await version(), VERSION);
  const upgraded = await host.snapshot();
  await host.install('upgrade', { FOGLINE_RELEASE_URL: newer });
  assert.equal(await host.snapshot(), upgraded, 'the same call twice changes nothing');
  await drainAndAudit();
});

test('and back, again with a backlog: nothing is lost; further back there is nothing', limits, async () => {
  await takeIn(1_200);
  await host.install('rollback');
  assert.equal(await version(), '0.0.9');
  await drainAndAudit();
  const before = await host.snapshot();
  assert.match((await host.attempt('rollback')).stderr, /no release to go back to: version 0\.0\.9 stays/);
  assert.equal(await host.snapshot(), before);
});

test('a setting that the other release does not know stops the upgrade before anything is changed', limits, async () => {
  await host.debian.run("echo 'pace = 7' >>/etc/fogline/edge-home-1.ini");
  const before = await host.snapshot();
  const { status, stderr } = await host.attempt('upgrade', { FOGLINE_RELEASE_URL: newer });
  assert.equal(status, 1);
  assert.match(stderr, /does not take \/etc\/fogline\/edge-home-1\.ini: nothing is changed/);
  assert.equal(await host.snapshot(), before);
  await host.debian.run("sed -i '/^pace/d' /etc/fogline/edge-home-1.ini");
});

test('a store of an older schema is brought on by the newer release, and then there is no way back', limits, async () => {
  const file = host.debian.path('/var/lib/fogline/cloud/cloud/series.db');
  const database = new Database(file);
  makeOlder(database, 2);
  database.close();
  const oldest = await host.bring(await releaseAs('0.0.8', folder, asIfOfSchema(2)));
  await host.install('upgrade', { FOGLINE_RELEASE_URL: oldest });
  assert.equal(await version(), '0.0.8');
  await takeIn(1_800);
  start = starts(await host.install('upgrade', { FOGLINE_RELEASE_URL: newer }));
  await drainAndAudit();
  const before = await host.snapshot();
  const { status, stderr } = await host.attempt('rollback');
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(`can't go back to it, nothing is changed: .*series\\.db has schema ${SCHEMA_VERSION}, version 0\\.0\\.8 reads up to 2`),
  );
  assert.equal(await host.snapshot(), before);
  assert.equal(await version(), VERSION);
});
