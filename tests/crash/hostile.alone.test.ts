/**
 * A minute of hostile clients, all kinds at once, against a cloud process while an honest edge process ships: nothing of theirs is
 * written, the cloud neither ends nor grows, and the tail of the honest edge's requests stays bounded. Quiet and hostile spells
 * take turns, and each is compared with its neighbour: what else the machine does meets both. Then somebody with a good certificate
 * asks without end.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { constants, cpus, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { cpuSecondsOf, rssMbOf } from '../../benchmarks/process-table.ts';
import { median } from '../../benchmarks/question.ts';
import { systemClock } from '../../common/clock.ts';
import { readBundle, readCloudCredentials } from '../../common/link/cert-files.ts';
import { SILENT_MAX } from '../../common/link/tls-listener.ts';
import { freePort } from '../doubles/free-port.ts';
import { type HonestOptions, HonestProcess } from '../doubles/honest-process.ts';
import { type HostileAnswer, type HostileOptions, HostileProcess, type Identity } from '../doubles/hostile-process.ts';
import { floodedHome } from '../doubles/inside-flood.ts';
import { wantingCores } from '../doubles/process-state.ts';
import { type TestCerts, testCerts } from '../doubles/test-certs.ts';
import { ensureBuilt, Fleet } from './fleet.ts';

const SPELLS = 6;
const HOSTILE_MS = 10_000;
const QUIET_MS = 6_000;
/** After the crowd was told to begin or to stop, until it is so. */
const SETTLE_MS = 1_500;
const WARM_UP_MS = 12_000;
/** Per home, so that the cloud has the memory that a catch-up of honest edges takes before it is measured: 60 full requests. */
const BACKLOG_WINDOWS = 3_000;
const RECORD_MS = 2_000;
const LOOK_MS = 200;
/** In a spell, however long it takes: fewer say nothing about a p99. */
const REQUESTS_MIN = 500;
/** Served, and as many turned away: of a flood there is no doubt. */
const FLOOD_REQUESTS_MIN = 200;
const P99_RATIO_MAX = 2;
/** A p99 of some 800 requests stands on eight of them: pairs of one run are 1.5 to 2.1. All but one above the limit are no chance. */
const PAIRS_ABOVE = SPELLS - 1;
/** A flood from inside is sound work: an honest request waits for the one that is being done, and for a disk that others write to. */
const FLOOD_P99_RATIO_MAX = 5;
/**
 * Where more processes want a core than there are, the cloud's share of one shrinks with what it has to do. The crowd does not count: they
 * are looked at in quiet spells, in which it does nothing.
 */
const P99_RATIO_BUSY_MAX = 8;
const HELD_MS = 500;
const GROWTH_MB_MAX = 50;
const IDLE_SOCKETS = 2_000;
/** Heartbeats and data. */
const LISTENERS = 2;
/** Of the places that the listeners have for who says nothing: slow ones of other kinds take some too. */
const IDLE_SHARE_MIN = 0.9;
const HONEST = 'honest';
const FLOODER = 'flooder';
/** Of quiet and flooded spells. */
const FLOODS = 2;
const FLOOD_MS = 6_000;
/** In one line with the flood an honest request would wait as long as those of the flood do, which are 32 in a row. */
const FLOOD_SHARE_MAX = 1 / 3;
/** Of what an insider tries, the rest was refused for coming too often, or ended by its own connections that came after. */
const INSIDE_SHARE = 0.5;
/** Exit code of a part that was asked to stop. */
const STOPPED_BY_SIGNAL = 0;
const HOMES = Array.from({ length: 10 }, (_, i) => `honest-${i}`);

const folder = mkdtempSync(join(tmpdir(), 'fogline-hostile-'));
before(ensureBuilt);
after(() => rmSync(folder, { recursive: true }));

/** Passes on what it is told and keeps what the client has said. */
async function startRecorder(targetPort: number) {
  const said: Buffer[] = [];
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    client.on('data', (chunk: Buffer) => said.push(chunk));
    client.pipe(target).pipe(client);
    for (const socket of [client, target]) socket.on('error', () => client.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    said: () => Buffer.concat(said).toString('base64'),
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN;
}

/** Where we may: what else runs on this machine, other tests too, shall delay neither spell. */
function goFirst(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGH);
  } catch (error) {
    if ((error as { info?: { code?: string } }).info?.code !== 'EACCES') throw error;
  }
}

interface Spell {
  p50Ms: number;
  /** That the cloud used. */
  cpuSeconds: number;
  p99Ms: number;
  requests: number;
  rssMbMax: number;
  /** That want a core, the mean over the spell. */
  wantingCores: number;
}

interface Scene {
  fleet: Fleet;
  ports: Awaited<ReturnType<Fleet['open']>>;
  honest: HonestProcess;
  hostile: HostileProcess;
}

test(`${(SPELLS * HOSTILE_MS) / 1_000} s of hostile clients while an honest edge ships`, { timeout: 540_000 }, async (t) => {
  using certs = await testCerts();
  const fleet = new Fleet({ dataDir: folder, sets: [`link.certs_dir=${certs.dir}`] });
  const ports = await fleet.open();
  fleet.start('cloud');
  const honestOptions = await optionsOf(ports, certs);
  const old = await recordedLife(honestOptions);
  const honest = new HonestProcess({ ...honestOptions, windowsBefore: old.windows, backlogWindows: BACKLOG_WINDOWS });
  const hostile = new HostileProcess(await hostileOptions(ports, certs, old));
  const cloudPid = fleet.pidOf('cloud');
  try {
    honest.start();
    hostile.start();
    for (const pid of [cloudPid, honest.pid]) goFirst(pid);
    const { quiet, loud, held, crowd, calm, flooded } = await takeTurns({ fleet, ports, honest, hostile }, (line) => t.diagnostic(line));
    const refused = await refusals(ports.httpPort);
    t.diagnostic(JSON.stringify({ crowd: crowd.counts, refused }));
    await hostile.kill();
    const { windows, parked } = await honest.ask('end');
    assert.ok(fleet.isRunning('cloud') && fleet.pidOf('cloud') === cloudPid, 'the cloud has ended');
    assert.deepEqual(parked, [], 'nobody has taken anything from the honest edge');
    assertIdle(crowd);
    assertCounted(crowd, refused);
    const ratios = loud.map(({ p99Ms }, i) => p99Ms / (quiet[i]?.p99Ms ?? Number.NaN)).toSorted((a, b) => a - b);
    const [ratio, surely] = [median(ratios), ratios[SPELLS - PAIRS_ABOVE] ?? Number.NaN];
    const isBusy = median(quiet.map((each) => each.wantingCores)) > cpus().length;
    const ratioMax = isBusy ? P99_RATIO_BUSY_MAX : P99_RATIO_MAX;
    assert.ok(held.p99Ms > ratioMax * Math.min(...quiet.map(({ p99Ms }) => p99Ms)), 'a cloud that is held up does not show');
    assert.ok(
      surely <= ratioMax,
      `the honest edge's p99 is ${ratio.toFixed(2)} × that of quiet spells, and in ${PAIRS_ABOVE} of them above`,
    );
    const growthMb = Math.max(...loud.map(({ rssMbMax }) => rssMbMax)) - Math.max(...quiet.slice(0, 1).map(({ rssMbMax }) => rssMbMax));
    assert.ok(growthMb <= GROWTH_MB_MAX, `the cloud took ${growthMb.toFixed(0)} MB more`);
    t.diagnostic(`p99 × ${ratio.toFixed(2)}, ${growthMb.toFixed(0)} MB more`);
    const floodRatio = assertServedBeside(calm, flooded, crowd, (line) => t.diagnostic(line));
    const floodRatioMax = isBusy ? P99_RATIO_BUSY_MAX : FLOOD_P99_RATIO_MAX;
    assert.ok(floodRatio <= floodRatioMax, `beside the flood the honest edge's p99 is ${floodRatio.toFixed(2)} × that of quiet spells`);
    fleet.signal('cloud', 'SIGTERM');
    assert.equal(await fleet.ended('cloud'), STOPPED_BY_SIGNAL);
    assertNothingOfTheirs(fleet, windows);
  } finally {
    await hostile.kill();
    await honest.kill();
    await fleet.stop();
  }
});

/** Quiet and hostile spells, one after the other. */
async function takeTurns({ fleet, honest, hostile }: Scene, say: (line: string) => void) {
  const spell = async (ms: number): Promise<Spell> => {
    await systemClock.sleep(SETTLE_MS);
    await honest.ask('report');
    const [rssMb, durationsMs, wanting]: [number[], number[], number[]] = [[], [], []];
    const cpuSeconds = () => cpuSecondsOf(fleet.pidOf('cloud')) ?? Number.NaN;
    const [untilMs, cpuBefore] = [systemClock.monotonicMs() + ms, cpuSeconds()];
    while (systemClock.monotonicMs() < untilMs || durationsMs.length < REQUESTS_MIN) {
      rssMb.push(rssMbOf(fleet.pidOf('cloud')) ?? Number.NaN);
      await systemClock.sleep(LOOK_MS);
      wanting.push(wantingCores());
      durationsMs.push(...(await honest.ask('report')).durationsMs);
    }
    const its = { p50Ms: median(durationsMs), p99Ms: p99(durationsMs), requests: durationsMs.length, wantingCores: mean(wanting) };
    return { ...its, cpuSeconds: cpuSeconds() - cpuBefore, rssMbMax: Math.max(...rssMb) };
  };
  const quiet: Spell[] = [];
  const loud: Spell[] = [];
  await spell(WARM_UP_MS);
  for (let i = 0; i < SPELLS; i++) {
    quiet.push(await spell(QUIET_MS));
    await hostile.ask('attack');
    loud.push(await spell(HOSTILE_MS));
    const { idleSocketsMost, cpuSeconds } = await hostile.ask('pause');
    say(JSON.stringify({ quiet: quiet.at(-1), loud: loud.at(-1), idleSocketsMost, cpuSeconds }));
  }
  const [calm, flooded]: [Spell[], Spell[]] = [[], []];
  for (let i = 0; i < FLOODS; i++) {
    calm.push(await spell(QUIET_MS));
    await hostile.ask('flood');
    flooded.push(await spell(FLOOD_MS));
    await hostile.ask('pause');
  }
  // The control: a cloud that stands still for a while in each second.
  const holding = setInterval(() => {
    fleet.signal('cloud', 'SIGSTOP');
    setTimeout(() => fleet.signal('cloud', 'SIGCONT'), HELD_MS);
  }, 2 * HELD_MS);
  const held = await spell(QUIET_MS);
  clearInterval(holding);
  await systemClock.sleep(2 * HELD_MS);
  return { quiet, loud, held, calm, flooded, crowd: await hostile.ask('report') };
}

/**
 * The flood was one, and an honest edge's requests did not stand in line with it.
 * @returns the honest edge's p99 over that of its quiet spells
 */
function assertServedBeside(calm: Spell[], flooded: Spell[], { flood }: HostileAnswer, say: (line: string) => void): number {
  const floodP50Ms = median(flood.servedMs);
  const honestP50Ms = median(flooded.map(({ p50Ms }) => p50Ms));
  const ratio = median(flooded.map(({ p99Ms }, i) => p99Ms / (calm[i]?.p99Ms ?? Number.NaN)));
  say(JSON.stringify({ calm, flooded, served: flood.servedMs.length, turnedAway: flood.turnedAway, floodP50Ms, ratio }));
  assert.ok(
    flood.servedMs.length > FLOOD_REQUESTS_MIN && flood.turnedAway > FLOOD_REQUESTS_MIN,
    'the flood is more than its share, and is served',
  );
  assert.ok(honestP50Ms <= floodP50Ms * FLOOD_SHARE_MAX, `an honest request takes ${honestP50Ms} ms, one of the flood ${floodP50Ms} ms`);
  const honestP99Ms = median(flooded.map(({ p99Ms }) => p99Ms));
  assert.ok(honestP99Ms <= p99(flood.servedMs), `the slowest honest ones take ${honestP99Ms} ms, of the flood ${p99(flood.servedMs)} ms`);
  return ratio;
}

async function optionsOf({ heartbeatPort, dataPort }: Scene['ports'], certs: TestCerts): Promise<HonestOptions> {
  return {
    folder: join(folder, 'honest'),
    edge: HONEST,
    homes: HOMES,
    heartbeatPort,
    dataPort,
    bundleFile: await certs.bundle(HONEST, { households: HOMES }),
    everyMs: 10,
    windowsBefore: 0,
    backlogWindows: 0,
    payloadsKept: 20,
    seed: 1,
  };
}

async function hostileOptions(
  { heartbeatPort, dataPort }: Scene['ports'],
  certs: TestCerts,
  old: { recorded: string[]; payloads: string[] },
): Promise<HostileOptions> {
  const identityOf = (bundleFile: string): Identity => {
    const { certificate, key } = readBundle(bundleFile);
    return { certificate, key };
  };
  const insider = readBundle(await certs.bundle('insider', { households: ['insider-home'] }));
  const revoked = await certs.bundle('revoked-edge');
  certs.revoke('revoked-edge');
  const cloud = readCloudCredentials(certs.dir);
  return {
    ports: [dataPort, heartbeatPort],
    seed: 1,
    idleSockets: IDLE_SOCKETS,
    recorded: old.recorded,
    payloads: old.payloads,
    victimEdge: HONEST,
    victims: HOMES,
    ca: insider.ca,
    insider: { certificate: insider.certificate, key: insider.key },
    insiderEdge: 'insider',
    flooder: { edge: FLOODER, identity: identityOf(await certs.bundle(FLOODER, { households: [floodedHome(FLOODER)] })) },
    insiderHome: 'hostile-home',
    wrong: [
      { name: 'no certificate', identity: null },
      { name: 'of another CA', identity: identityOf(await certs.foreignBundle(HONEST)) },
      { name: 'expired', identity: identityOf(await certs.bundle('late', { ageDays: 20, days: 10 })) },
      { name: 'revoked', identity: identityOf(revoked) },
      { name: 'not on the list', identity: identityOf(await certs.bundle('nobody', { isNamed: false })) },
      { name: "the cloud's own", identity: cloud },
    ],
  };
}

/** A first life of the honest edge, whose every byte and request somebody keeps. */
async function recordedLife(options: HonestOptions) {
  const recorders = [await startRecorder(options.dataPort), await startRecorder(options.heartbeatPort)] as const;
  const honest = new HonestProcess({ ...options, dataPort: recorders[0].port, heartbeatPort: recorders[1].port });
  honest.start();
  try {
    await honest.ask('report');
    await systemClock.sleep(RECORD_MS);
    const { windows, payloads } = await honest.ask('end');
    const recorded = recorders.map(({ said }) => said());
    assert.ok(payloads.length > 5 && recorded.every((bytes) => bytes.length > 1_000), 'there is something to replay');
    return { windows, payloads, recorded };
  } finally {
    await honest.kill();
    for (const { stop } of recorders) await stop();
  }
}

/** `fogline_link_refused_total` by reason. */
async function refusals(httpPort: number): Promise<Record<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  return Object.fromEntries([...text.matchAll(/^fogline_link_refused_total\{reason="(\w+)"\} (\d+)$/gm)].map((m) => [m[1], Number(m[2])]));
}

/** As many were dialled, and as many were open at once as the cloud lets wait without a word: beyond these it ends the oldest. */
function assertIdle({ counts, idleSocketsMost }: HostileAnswer): void {
  const begun = counts['idle sockets']?.begun ?? 0;
  assert.ok(begun >= IDLE_SOCKETS, `${begun} idle sockets were dialled`);
  const places = LISTENERS * SILENT_MAX;
  assert.ok(idleSocketsMost >= places * IDLE_SHARE_MIN, `at most ${idleSocketsMost} idle sockets were open, there is room for ${places}`);
}

/** Every offence has its reason in the metrics, and no offence of one kind hides among those of another. */
function assertCounted({ counts }: HostileAnswer, refused: Record<string, number>): void {
  for (const [name, { ended }] of Object.entries(counts)) assert.ok(ended > 5, `${name}: tried ${ended} times`);
  const ended = (...names: string[]) => names.reduce((sum, name) => sum + (counts[name]?.ended ?? Number.NaN), 0);
  const atLeast = (reasons: string[], times: number) => {
    const counted = reasons.reduce((sum, reason) => sum + (refused[reason] ?? 0), 0);
    assert.ok(counted >= times, `${times} offences, ${counted} counted as ${reasons.join(' or ')}`);
  };
  atLeast(['no_certificate'], ended('no certificate'));
  atLeast(['unknown_ca'], ended('of another CA'));
  atLeast(['expired'], ended('expired'));
  atLeast(['revoked'], ended('revoked'));
  atLeast(['unknown_edge'], ended('not on the list'));
  atLeast(['unusable_certificate'], ended("the cloud's own"));
  atLeast(['other_edge'], ended("an honest edge's name", 'replayed frames') * INSIDE_SHARE);
  atLeast(['household'], ended("an honest edge's household", 'a household it may not own') * INSIDE_SHARE);
  atLeast(['frame'], ended('malformed SP, inside') * INSIDE_SHARE);
  const strangers = ['random bytes', 'frames with mistakes', 'TLS garbage', 'half a TLS record', 'header, then close', 'huge length'];
  atLeast(['handshake'], ended(...strangers, 'recorded bytes', 'an older TLS'));
  // Those that say nothing are ended by their time, and counted again when they come back; the crowd itself ends those of a pause.
  atLeast(['handshake_time', 'handshake'], ended(...strangers, 'recorded bytes', 'an older TLS', 'idle sockets'));
}

function assertNothingOfTheirs(fleet: Fleet, windows: number): void {
  const rows = new Map<string, number>();
  for (const line of fleet.exportCsv('--field', 'power').trim().split('\n').slice(1)) {
    const household = line.split(',')[0] as string;
    rows.set(household, (rows.get(household) ?? 0) + 1);
  }
  assert.deepEqual(Object.fromEntries(rows), Object.fromEntries(HOMES.map((home) => [home, windows])));
  const database = new Database(join(fleet.stateDir, 'cloud', 'series.db'), { readonly: true });
  try {
    const known = database.prepare('SELECT household FROM households ORDER BY household').pluck().all();
    assert.deepEqual(known, [...HOMES, floodedHome(FLOODER)].toSorted());
  } finally {
    database.close();
  }
}
