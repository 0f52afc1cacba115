/**
 * `npm run soak [-- --minutes N] [--seed N] [--json] [--print-only]`: simulator, edge and cloud as real processes over mutual TLS, one
 * fault after the other and hostile clients, for half an hour; then everything drains, `fogline audit` must say yes, and nothing may have
 * grown. A line on stderr for each fault and every ten seconds; figures on stdout, and into RESULTS.md with the commit. Exit 1 when
 * anything is wrong. The same seed draws the same faults; when they hit is the machine's doing.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readBundle } from '../common/link/cert-files.ts';
import { seededRandom } from '../common/random.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { startFaultyProxy } from '../tests/doubles/faulty-proxy.ts';
import { HostileProcess } from '../tests/doubles/hostile-process.ts';
import { type TestCerts, testCerts } from '../tests/doubles/test-certs.ts';
import { writeMeteredData } from '../tests/truth/metered-data.ts';
import { type Figure, isMissed, promiseText, valueText } from './question.ts';
import { machineClass, saveFigures } from './results.ts';
import { faultsFor, mountDisk, type SoakParts, unmountDisk } from './soak-faults.ts';
import { PARTS, SoakWatch } from './soak-watch.ts';
import { ROOT, sleep } from './started-run.ts';

const HOUSEHOLDS = 10;
/** A day in 24 minutes. */
const SPEED = 60;
const EDGE = 'edge-1';
const IDLE_SOCKETS = 500;
const LOOK_MS = 1_000;
const SAY_EVERY_MS = 10_000;
/** Between two faults. */
const PAUSE_MS_MIN = 1_500;
const PAUSE_MS_MORE = 5_000;
/** How long a fault lasts. */
const FAULT_MS_MIN = 1_000;
const FAULT_MS_MORE = 8_000;
/** So long after a fault what is open counts again: connections have ended, and the cloud has swept. */
const CALM_AFTER_MS = 2_000;
/** Tries of 240 s each for what is left when the faults are over. */
const DRAIN_TRIES = 3;
const RESULTS = join(import.meta.dirname, 'RESULTS.md');

interface Outcome {
  minutes: number;
  seed: number;
  faults: Record<string, number>;
  left: string[];
  /** Parts that ended by themselves when nothing allowed it. */
  ended: string[];
  audit: string;
  figures: Figure[];
  isGood: boolean;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      'print-only': { type: 'boolean', default: false },
    },
  });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
    process.stderr.write('write: npm run soak -- --minutes 30 --seed 1\n');
    return 2;
  }
  const loadBefore = loadavg()[0] ?? 0;
  const outcome = await soak(minutes, seed);
  tell(outcome, values.json);
  const taken = `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, ${minutes} min, load before ${loadBefore.toFixed(1)}`;
  if (!values['print-only']) saveFigures(RESULTS, 'soak', outcome.figures, taken);
  return outcome.isGood ? 0 : 1;
}

async function soak(minutes: number, seed: number): Promise<Outcome> {
  ensureBuilt();
  using certs = await testCerts();
  const folder = mkdtempSync(join(tmpdir(), 'fogline-soak-'));
  const dataDir = join(folder, 'data');
  writeMeteredData(dataDir, { households: HOUSEHOLDS, seconds: Math.round(minutes * 60 * SPEED), seed });
  const households = Array.from({ length: HOUSEHOLDS }, (_, i) => `home-${i + 1}`);
  const bundleFile = await certs.bundle(EDGE, { households });
  const fleet = new Fleet({ dataDir, speed: String(SPEED), sets: [`link.certs_dir=${certs.dir}`, `link.bundle_file=${bundleFile}`] });
  const ports = await fleet.open();
  const hasDisk = mountDisk(fleet);
  const proxies = [
    await startFaultyProxy({ targetPort: ports.heartbeatPort }),
    await startFaultyProxy({ targetPort: ports.dataPort }),
  ] as const;
  fleet.dial({ heartbeatPort: proxies[0].port, dataPort: proxies[1].port });
  const hostile = await hostileProcess(certs, [ports.heartbeatPort, ports.dataPort], seed, households);
  try {
    hostile.start();
    fleet.startAll();
    const parts: SoakParts = { fleet, proxies, hostile, random: seededRandom(seed), hasDisk, mayEnd: new Set() };
    return await new Soak(parts, minutes * 60_000, dataDir).run(minutes, seed);
  } finally {
    await hostile.kill();
    await fleet.stop(() => hasDisk && unmountDisk(fleet));
    for (const proxy of proxies) await proxy.stop();
    rmSync(folder, { recursive: true });
  }
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
  private readonly durationMs: number;
  private readonly dataDir: string;
  private readonly watch: SoakWatch;
  private readonly startMs = performance.now();
  private readonly ended: string[] = [];
  private readonly counts: Record<string, number> = {};
  private befalling: string | undefined;
  private calmSinceMs = 0;
  private saidMs = 0;
  private isOver = false;

  constructor(parts: SoakParts, durationMs: number, dataDir: string) {
    this.parts = parts;
    this.durationMs = durationMs;
    this.dataDir = dataDir;
    this.watch = new SoakWatch(parts.fleet);
  }

  async run(minutes: number, seed: number): Promise<Outcome> {
    const { fleet } = this.parts;
    const { faults, left } = faultsFor(this.parts, true);
    for (const what of left) this.say(`not in this run: ${what}`);
    const watching = this.look();
    try {
      await fleet.until('the first rows are acknowledged', ({ acked }) => acked > 0);
      while (this.elapsedMs < this.durationMs) await this.befall(faults);
      await this.drain();
    } finally {
      this.isOver = true;
      await watching;
    }
    const audit = this.audit();
    const figures = this.figures(audit.isClean);
    const isGood = this.ended.length === 0 && !figures.some(isMissed);
    return { minutes, seed, faults: this.counts, left, ended: this.ended, audit: audit.text, figures, isGood };
  }

  private async befall(faults: ReturnType<typeof faultsFor>['faults']): Promise<void> {
    const { random } = this.parts;
    await sleep(PAUSE_MS_MIN + random.below(PAUSE_MS_MORE));
    // Each kind once before any comes again.
    const fewest = Math.min(...faults.map(({ name }) => this.counts[name] ?? 0));
    const due = faults.filter(({ name }) => (this.counts[name] ?? 0) === fewest);
    const fault = due[random.below(due.length)];
    if (fault === undefined) return;
    const lastsMs = FAULT_MS_MIN + random.below(FAULT_MS_MORE);
    this.befalling = fault.name;
    this.say(`${fault.name}, up to ${(lastsMs / 1_000).toFixed(1)} s`);
    await fault.befall(this.parts, lastsMs);
    this.befalling = undefined;
    this.calmSinceMs = this.elapsedMs;
    this.counts[fault.name] = (this.counts[fault.name] ?? 0) + 1;
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
    const { fleet, mayEnd } = this.parts;
    while (!this.isOver) {
      await sleep(LOOK_MS);
      const isCalm = this.befalling === undefined && this.elapsedMs - this.calmSinceMs > CALM_AFTER_MS;
      for (const part of PARTS) {
        if (
          fleet.isRunning(part) ||
          (part === 'simulate' && fleet.hasFinished) ||
          this.befalling === 'kill -9' ||
          this.befalling === 'clone'
        )
          continue;
        if (!mayEnd.has(part)) this.ended.push(`${part}: ${fleet.logOf(part).at(-1) ?? 'without a word'}`);
        this.say(`${part} has ended by itself and is started again`);
        fleet.start(part);
      }
      const status = await fleet.status();
      this.watch.look(this.elapsedMs, isCalm, status?.acked);
      if (this.elapsedMs - this.saidMs < SAY_EVERY_MS) continue;
      this.saidMs = this.elapsedMs;
      this.say(`${status?.acked ?? '?'} acknowledged, ${status?.queued ?? '?'} queued; ${this.watch.line()}`);
    }
  }

  private audit(): { isClean: boolean; text: string } {
    const args = ['audit', '--state', this.parts.fleet.stateDir, '--data', this.dataDir];
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'dist/fogline.js'), ...args], { encoding: 'utf8' });
    const text = `${stdout}${stderr}`.trim();
    // Its last line says it all, unless it found something.
    return { isClean: status === 0, text: status === 0 ? (text.split('\n').at(-1) ?? '') : text };
  }

  private figures(isClean: boolean): Figure[] {
    const faults = Object.values(this.counts).reduce((sum, count) => sum + count, 0);
    return [
      { what: 'faults', value: faults, unit: 'faults' },
      { what: 'parts that ended by themselves', value: this.ended.length, unit: 'times', promise: { is: '≤', limit: 0 } },
      { what: 'differences that the audit found', value: isClean ? 0 : 1, unit: 'reports', promise: { is: '≤', limit: 0 } },
      ...this.watch.figures(this.durationMs),
    ];
  }

  private get elapsedMs(): number {
    return performance.now() - this.startMs;
  }

  private say(line: string): void {
    const seconds = Math.round(this.elapsedMs / 1_000);
    process.stderr.write(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} ${line}\n`);
  }
}

function tell(outcome: Outcome, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine: machineClass(), commit: commit(), ...outcome })}\n`);
    return;
  }
  const lines = outcome.figures.map((figure) => `${figure.what}: ${valueText(figure)} ${promiseText(figure)}`.trimEnd());
  const faults = Object.entries(outcome.faults).map(([name, count]) => `${count} × ${name}`);
  process.stdout.write(
    `${[...lines, faults.join(', '), ...outcome.ended, outcome.audit, outcome.isGood ? 'good' : 'NOT good'].join('\n')}\n`,
  );
}

/** With a + when the files differ from it. */
function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`;
}

process.exit(await main());
