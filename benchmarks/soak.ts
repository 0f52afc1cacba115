/**
 * `npm run soak [-- --minutes N] [--seed N] [--json] [--print-only]`: simulator, edge and cloud as real processes over mutual TLS, one
 * fault after the other and hostile clients, for half an hour; then everything drains, `fogline audit` must say yes, and nothing may have
 * grown. A line on stderr for each fault and every ten seconds; figures on stdout, and into RESULTS.md with the commit. Exit 1 when
 * anything is wrong, with the command that does it again. Three folders of the state get a disk each, so this needs the right to mount.
 * The same seed draws the same faults; when they hit is the machine's doing.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exitFlushed } from '../common/flush-output.ts';
import { readBundle } from '../common/link/cert-files.ts';
import { type Random, seededRandom } from '../common/random.ts';
import type { PartName } from '../tests/crash/fleet.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { DialledClock } from '../tests/doubles/dialled-clock.ts';
import { startFaultyProxy } from '../tests/doubles/faulty-proxy.ts';
import { HostileProcess } from '../tests/doubles/hostile-process.ts';
import { mayMount, SmallDisk } from '../tests/doubles/small-disk.ts';
import { type TestCerts, testCerts } from '../tests/doubles/test-certs.ts';
import { writeMeteredData } from '../tests/truth/metered-data.ts';
import { type Figure, promiseText, valueText } from './question.ts';
import { machineClass, saveFigures } from './results.ts';
import { FAULTS } from './soak-faults.ts';
import { type FaultTally, figuresOf, redsOf, replayCommand, type SoakRecord } from './soak-judge.ts';
import { auditOf, copyCloud, DISKS, type DiskPlace, type SoakFault, type SoakParts } from './soak-parts.ts';
import { KEPT_HOURS, poisonHousehold } from './soak-strange-input.ts';
import { PARTS, SoakWatch } from './soak-watch.ts';
import { ROOT, sleep } from './started-run.ts';

const HOUSEHOLDS = 10;
/** More than a run gives poison to. */
const POISONED_MAX = 500;
/** A day in 24 minutes. */
const SPEED = 60;
const EDGE = 'edge-1';
const IDLE_SOCKETS = 500;
/** Of each disk: what a long run writes there, several times. A topic that was damaged has everything once more, and is copied whole. */
const DISK_MB = 128;
const DISK_MB_PER_MINUTE = 48;
const LOOK_MS = 1_000;
const SAY_EVERY_MS = 10_000;
/** Between two faults. */
const PAUSE_MS_MIN = 1_500;
const PAUSE_MS_MORE = 5_000;
/** How long a fault lasts. */
const FAULT_MS_MIN = 1_000;
const FAULT_MS_MORE = 8_000;
/**
 * So long after rows are acknowledged again what is open counts: connections have ended, the cloud has swept, and a write-ahead log
 * that an audit has held up, or a killed part has left, is copied and short again after the next commits.
 */
const CALM_AFTER_MS = 2_000;
/** Tries of 240 s each for what is left when the faults are over. */
const DRAIN_TRIES = 3;
const RESULTS = join(import.meta.dirname, 'RESULTS.md');
const USAGE = 'usage: npm run soak -- [--minutes N] [--seed N] [--json] [--print-only]';

async function main(): Promise<number> {
  let asked: ReturnType<typeof readOptions>;
  try {
    asked = readOptions();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  const { minutes, seed, isJson, isHelp, printOnly } = asked;
  if (isHelp) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (!mayMount) {
    process.stderr.write(
      'full disks are among the faults, and this user may not mount any: run it as root, or in a namespace of its own:\n',
    );
    process.stderr.write(`unshare -Urm ${replayCommand(minutes, seed)}\n`);
    return 1;
  }
  const loadBefore = loadavg()[0] ?? 0;
  try {
    const record = await soak(minutes, seed);
    const [figures, reds] = [figuresOf(record), redsOf(record)];
    tell({ minutes, seed, faults: record.faults, reds, figures }, isJson);
    const taken = `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, ${minutes} min, load before ${loadBefore.toFixed(1)}`;
    if (!printOnly) saveFigures(RESULTS, 'soak', figures, taken);
    if (reds.length === 0) return 0;
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n`);
  }
  process.stderr.write(`red; the same faults again: ${replayCommand(minutes, seed)}\n`);
  return 1;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      'print-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0)) throw new Error(`--minutes is no number above 0: ${values.minutes}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed is no whole number: ${values.seed}`);
  return { minutes, seed, isJson: values.json, isHelp: values.help, printOnly: values['print-only'] };
}

async function soak(minutes: number, seed: number): Promise<SoakRecord> {
  ensureBuilt();
  using certs = await testCerts();
  const folder = mkdtempSync(join(tmpdir(), 'fogline-soak-'));
  const dataDir = join(folder, 'data');
  writeMeteredData(dataDir, { households: HOUSEHOLDS, seconds: Math.round(minutes * 60 * SPEED), seed });
  const households = Array.from({ length: HOUSEHOLDS }, (_, i) => `home-${i + 1}`);
  const poisonable = Array.from({ length: POISONED_MAX }, (_, i) => poisonHousehold(i + 1));
  const bundleFile = await certs.bundle(EDGE, { households: [...households, ...poisonable] });
  const kept = [`broker.retention_hours=${KEPT_HOURS}`, `edge.outbox_keep_hours=${KEPT_HOURS}`];
  const sets = [`link.certs_dir=${certs.dir}`, `link.bundle_file=${bundleFile}`, ...kept];
  const clock = new DialledClock(join(folder, 'clock'));
  const fleet = new Fleet({ dataDir, speed: String(SPEED), sets, env: clock.env });
  const ports = await fleet.open();
  const disks = disksOf(fleet, DISK_MB + DISK_MB_PER_MINUTE * minutes);
  const proxies = [
    await startFaultyProxy({ targetPort: ports.heartbeatPort }),
    await startFaultyProxy({ targetPort: ports.dataPort }),
  ] as const;
  fleet.dial({ heartbeatPort: proxies[0].port, dataPort: proxies[1].port });
  const hostile = await hostileProcess(certs, [ports.heartbeatPort, ports.dataPort], seed, households);
  try {
    hostile.start();
    fleet.startAll();
    const own = { poisoned: [], mayEnd: new Set<PartName>(), held: new Set<PartName>(), copies: join(folder, 'copies') };
    const run = new Soak({ fleet, dataDir, proxies, hostile, disks, clock, ...own }, minutes, seed).run();
    return await Promise.race([run, toldToEnd()]);
  } finally {
    await hostile.kill();
    await fleet.stop(() => Object.values(disks).forEach((disk) => disk.unmount()));
    for (const proxy of proxies) await proxy.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Rejects: what was started and mounted is taken away as after any other end. A terminal may tell it twice, itself and through npm. */
function toldToEnd(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => reject(new Error(`ended by ${signal}`)));
  });
}

function disksOf(fleet: Fleet, megabytes: number): Record<DiskPlace, SmallDisk> {
  const disks = DISKS.map((place) => [place, new SmallDisk(join(fleet.stateDir, place), Math.round(megabytes))]);
  return Object.fromEntries(disks) as Record<DiskPlace, SmallDisk>;
}

async function hostileProcess(
  certs: TestCerts,
  ports: readonly number[],
  seed: number,
  victims: readonly string[],
): Promise<HostileProcess> {
  const insider = readBundle(await certs.bundle('insider', { households: ['insider-home'] }));
  const foreign = readBundle(await certs.foreignBundle(EDGE));
  return new HostileProcess({
    ports,
    seed,
    idleSockets: IDLE_SOCKETS,
    recorded: [],
    payloads: [],
    victimEdge: EDGE,
    victims,
    ca: insider.ca,
    insider: { certificate: insider.certificate, key: insider.key },
    insiderEdge: 'insider',
    insiderHome: 'hostile-home',
    wrong: [
      { name: 'no certificate', identity: null },
      { name: 'of another CA', identity: { certificate: foreign.certificate, key: foreign.key } },
    ],
  });
}

class Soak {
  private readonly parts: SoakParts;
  private readonly minutes: number;
  private readonly random: Random;
  private readonly watch: SoakWatch;
  private readonly startMs = performance.now();
  private readonly ended: string[] = [];
  private readonly broken: string[] = [];
  private readonly faults: Record<string, FaultTally> = Object.fromEntries(FAULTS.map(({ name }) => [name, { tried: 0, met: 0 }]));
  private befalling: string | undefined;
  /** Acknowledged rows at the first look after a fault. */
  private ackedAfterFault: number | undefined;
  /** Since when rows are acknowledged again after a fault. */
  private goesOnSinceMs = Infinity;
  private saidMs = 0;
  private isOver = false;

  constructor(parts: SoakParts, minutes: number, seed: number) {
    this.parts = parts;
    this.minutes = minutes;
    this.random = seededRandom(seed);
    this.watch = new SoakWatch(parts.fleet);
  }

  async run(): Promise<SoakRecord> {
    const { parts, minutes, faults, ended, broken } = this;
    const durationMs = minutes * 60_000;
    const watching = this.look();
    try {
      await parts.fleet.until('the first rows are acknowledged', ({ acked }) => acked > 0);
      await copyCloud(parts);
      while (this.elapsedMs < durationMs) await this.befall();
      await this.drain();
    } finally {
      this.isOver = true;
      await watching;
    }
    const parked = ((await parts.fleet.status())?.parked ?? []).map(({ household }) => household);
    const watched = this.watch.figures(durationMs);
    return { minutes, faults, ended, broken, poisoned: parts.poisoned, parked, audit: await auditOf(parts), watched };
  }

  private async befall(): Promise<void> {
    const { random } = this;
    await sleep(PAUSE_MS_MIN + random.below(PAUSE_MS_MORE));
    // Each kind once before any comes again.
    const triedOf = ({ name }: SoakFault) => this.tallyOf(name).tried;
    const fewest = Math.min(...FAULTS.map(triedOf));
    const due = FAULTS.filter((fault) => triedOf(fault) === fewest);
    const fault = due[random.below(due.length)] as SoakFault;
    const lastsMs = FAULT_MS_MIN + random.below(FAULT_MS_MORE);
    // What it draws depends on nothing but the seed and how many were before it.
    const own = seededRandom(random.below(1 << 30));
    this.befalling = fault.name;
    this.say(`${fault.name}, ${(lastsMs / 1_000).toFixed(1)} s`);
    const tally = this.tallyOf(fault.name);
    tally.tried++;
    try {
      if (await fault.befall(this.parts, own, lastsMs)) tally.met++;
      else this.say(`${fault.name}: was not seen to take effect`);
    } catch (error) {
      this.broken.push(`${fault.name}: ${(error as Error).message}`);
      this.say(`${fault.name}: ${(error as Error).message}`);
    }
    this.befalling = undefined;
    this.ackedAfterFault = undefined;
    this.goesOnSinceMs = Infinity;
  }

  private tallyOf(name: string): FaultTally {
    return this.faults[name] as FaultTally;
  }

  /** The simulator comes to its end, and the edge says that everything is acknowledged. */
  private async drain(): Promise<void> {
    this.say('no more faults: everything shall drain');
    for (let attempt = 1; ; attempt++) {
      try {
        await this.parts.fleet.untilDone();
        return;
      } catch (error) {
        if (attempt === DRAIN_TRIES) throw error;
      }
    }
  }

  /** Also the supervisor: a part that ended by itself is started again, and counted unless a fault allows it. */
  private async look(): Promise<void> {
    const { fleet, mayEnd, held } = this.parts;
    while (!this.isOver) {
      await sleep(LOOK_MS);
      const wasCalm = this.isCalm;
      for (const part of PARTS) {
        if (fleet.isRunning(part) || held.has(part) || (part === 'simulate' && fleet.hasFinished)) continue;
        if (!mayEnd.has(part)) this.ended.push(`${part}, ${this.befalling ?? 'no fault'}: ${fleet.logOf(part).at(-1) ?? 'without a word'}`);
        this.say(`${part} has ended by itself and is started again`);
        fleet.start(part);
      }
      const status = await fleet.status();
      this.noteAcked(status?.acked);
      // A fault may have begun while the edge was asked.
      this.watch.look(this.elapsedMs, wasCalm && this.isCalm, status?.acked);
      if (this.elapsedMs - this.saidMs < SAY_EVERY_MS) continue;
      this.saidMs = this.elapsedMs;
      this.say(`${status?.acked ?? '?'} acknowledged, ${status?.queued ?? '?'} queued; ${this.watch.line()}`);
    }
  }

  private noteAcked(acked: number | undefined): void {
    if (acked === undefined || this.befalling !== undefined) return;
    this.ackedAfterFault ??= acked;
    if (acked !== this.ackedAfterFault) this.goesOnSinceMs = Math.min(this.goesOnSinceMs, this.elapsedMs);
  }

  private get isCalm(): boolean {
    return this.befalling === undefined && this.elapsedMs - this.goesOnSinceMs > CALM_AFTER_MS;
  }

  private get elapsedMs(): number {
    return performance.now() - this.startMs;
  }

  private say(line: string): void {
    const seconds = Math.round(this.elapsedMs / 1_000);
    process.stderr.write(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} ${line}\n`);
  }
}

interface Outcome {
  minutes: number;
  seed: number;
  faults: SoakRecord['faults'];
  reds: readonly string[];
  figures: readonly Figure[];
}

function tell(outcome: Outcome, json: boolean): void {
  const { faults, reds, figures } = outcome;
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine: machineClass(), commit: commit(), ...outcome, isGood: reds.length === 0 })}\n`);
    return;
  }
  const lines = figures.map((figure) => `${figure.what}: ${valueText(figure)} ${promiseText(figure)}`.trimEnd());
  const kinds = Object.entries(faults).map(([name, { tried, met }]) =>
    tried === 0 ? `not in this run: ${name}` : `${met} of ${tried} × ${name}`,
  );
  process.stdout.write(`${[...lines, ...kinds, ...reds, reds.length === 0 ? 'good' : 'NOT good'].join('\n')}\n`);
}

/** With a + when the files differ from it. */
function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`;
}

await exitFlushed(await main());
