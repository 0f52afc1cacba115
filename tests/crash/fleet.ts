/** Simulator, edge and cloud as real child processes from dist/, so that tests can kill each by itself. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChildEvent } from '../../common/child-events.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import { freePort } from '../doubles/free-port.ts';
import { compareExport, describeComparison, isClean, type Range, trueWindows } from '../truth/truth.ts';

export type PartName = 'cloud' | 'edge' | 'simulate';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/fogline.js');
/** Generous: the machines are small and busy. */
const DONE_DEADLINE_MS = 240_000;
const END_DEADLINE_MS = 240_000;

/** Builds dist/ when the sources changed. */
export function ensureBuilt(): void {
  const result = spawnSync(process.execPath, [join(ROOT, 'scripts/prepare.mjs')], { cwd: ROOT, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`scripts/prepare.mjs failed:\n${result.stdout}${result.stderr}`);
}

export interface FleetOptions {
  dataDir: string;
  untilSeconds?: number;
  speed?: string;
  /** More settings, `section.key=value`. */
  sets?: readonly string[];
  /** More environment for every part. */
  env?: Readonly<Record<string, string>>;
  /** Begins with a copy of this state. */
  stateFrom?: string;
  /** Ports the edge dials, when a proxy stands before the cloud. */
  dial?: { heartbeatPort: number; dataPort: number };
}

/** Of what `fogline audit --json` says. */
interface AuditReport {
  windows: number;
  /** Readings of the run that are not at the cloud yet. */
  waiting: number;
  declared: { stage: string; reason: string; readings: number }[];
}

interface Running {
  process: ChildProcess;
  exited: Promise<NodeJS.Signals | number | null>;
  ready: Promise<void>;
  log: string[];
}

export class Fleet {
  readonly folder = mkdtempSync(join(tmpdir(), 'fogline-crash-'));
  readonly stateDir = join(this.folder, 'state');
  private readonly options: FleetOptions;
  private readonly running = new Map<PartName, Running>();
  private readonly logs: string[] = [];
  private ports = { http: 0, heartbeat: 0, data: 0, status: 0 };
  private finishedRun: string | undefined;
  /** Starts so far, by part. */
  readonly starts: Record<PartName, number> = { cloud: 0, edge: 0, simulate: 0 };

  constructor(options: FleetOptions) {
    this.options = options;
    if (options.stateFrom !== undefined) cpSync(options.stateFrom, this.stateDir, { recursive: true });
  }

  /** Chooses ports. Fixed for the fleet's life, so that a restarted part is found again. */
  async open(): Promise<{ heartbeatPort: number; dataPort: number; httpPort: number; statusPort: number }> {
    this.ports = { http: await freePort(), heartbeat: await freePort(), data: await freePort(), status: await freePort() };
    const { heartbeat, data, http, status } = this.ports;
    return { heartbeatPort: heartbeat, dataPort: data, httpPort: http, statusPort: status };
  }

  dial(ports: { heartbeatPort: number; dataPort: number }): void {
    this.options.dial = ports;
  }

  /** @param failpoint `name` or `name:nth`, at which the part kills itself with SIGKILL */
  start(part: PartName, failpoint?: string): void {
    const process_ = spawn(process.execPath, [ENTRY, part, ...this.argumentsOf(part)], {
      cwd: this.folder,
      env: {
        ...process.env,
        ...this.options.env,
        FOGLINE_LOG_LEVEL: 'warn',
        ...(failpoint === undefined ? {} : { FOGLINE_FAILPOINT: failpoint }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log: string[] = [];
    const exited = new Promise<NodeJS.Signals | number | null>((resolve) => {
      process_.once('exit', (code, signal) => resolve(signal ?? code));
    });
    const said = createInterface({ input: process_.stdout });
    said.on('line', (line) => this.hear(JSON.parse(line) as ChildEvent));
    const ready = new Promise<void>((resolve) => {
      said.on('line', (line) => (JSON.parse(line) as ChildEvent).event === 'ready' && resolve());
    });
    createInterface({ input: process_.stderr }).on('line', (line) => {
      log.push(line);
      this.logs.push(`${part}: ${line}`);
    });
    this.running.set(part, { process: process_, exited, ready, log });
    this.starts[part]++;
  }

  startAll(): void {
    for (const part of ['cloud', 'edge', 'simulate'] as const) this.start(part);
  }

  isRunning(part: PartName): boolean {
    const running = this.running.get(part);
    return running !== undefined && running.process.exitCode === null && running.process.signalCode === null;
  }

  pidOf(part: PartName): number {
    return this.running.get(part)?.process.pid as number;
  }

  /** Another fleet with the same settings and ports and a state folder of its own, empty: for copies that come to life. */
  twin(): Fleet {
    const twin = new Fleet(this.options);
    twin.ports = { ...this.ports, status: 0 };
    return twin;
  }

  /** What the part has logged since its last start. */
  logOf(part: PartName): readonly string[] {
    return this.running.get(part)?.log ?? [];
  }

  /** Lines that all parts have logged so far: where to look from, in `loggedSince`. */
  get loggedLines(): number {
    return this.logs.length;
  }

  /** What the part has logged since then, also before it was started again. */
  loggedSince(part: PartName, line: number): string {
    const its = this.logs.slice(line).filter((each) => each.startsWith(`${part}: `));
    return its.map((each) => each.slice(part.length + 2)).join('\n');
  }

  /** Stops the part where it is, and lets it go on: SIGSTOP, SIGCONT. */
  signal(part: PartName, signal: NodeJS.Signals): void {
    this.running.get(part)?.process.kill(signal);
  }

  async kill(part: PartName): Promise<void> {
    const running = this.running.get(part);
    running?.process.kill('SIGKILL');
    await running?.exited;
  }

  exited(part: PartName): Promise<NodeJS.Signals | number | null> {
    return this.running.get(part)?.exited ?? Promise.resolve(null);
  }

  /** The same, for a part that must end by itself. @throws when it lives on */
  ended(part: PartName): Promise<NodeJS.Signals | number | null> {
    return this.inTime(this.exited(part), `${part} did not end`);
  }

  /** @throws when the part neither says that it is ready nor ends */
  async readyOrEnded(part: PartName): Promise<void> {
    await this.inTime(Promise.race([this.running.get(part)?.ready, this.exited(part)]), `${part} did not get ready`);
  }

  private async inTime<T>(awaited: Promise<T>, otherwise: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${otherwise}\n${this.logs.slice(-30).join('\n')}`)), END_DEADLINE_MS);
    });
    return Promise.race([awaited, late]).finally(() => clearTimeout(timer));
  }

  async status(): Promise<EdgeStatus | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.ports.status}/status`);
      return (await response.json()) as EdgeStatus;
    } catch {
      return undefined;
    }
  }

  /** What Prometheus would scrape. */
  async metrics(part: 'cloud' | 'edge'): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${part === 'cloud' ? this.ports.http : this.ports.status}/metrics`);
    if (!response.ok) throw new Error(`/metrics of ${part}: ${response.status}`);
    return response.text();
  }

  /** Waits until the simulator finished and the edge says that its run is done (R10). */
  async untilDone(): Promise<EdgeStatus> {
    return this.until('the run is done', (status) => status.runs.some(({ run, done }) => done && run === this.finishedRun));
  }

  async until(what: string, holds: (status: EdgeStatus) => boolean): Promise<EdgeStatus> {
    const deadline = performance.now() + DONE_DEADLINE_MS;
    let status: EdgeStatus | undefined;
    while (performance.now() < deadline) {
      status = await this.status();
      if (status !== undefined && holds(status)) return status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`not reached: ${what}; edge says ${JSON.stringify(status)}\n${this.logs.slice(-30).join('\n')}`);
  }

  exportCsv(...more: string[]): string {
    const result = spawnSync(process.execPath, [ENTRY, 'export', '--state', this.stateDir, ...more], {
      encoding: 'utf8',
      maxBuffer: 1 << 29,
      timeout: END_DEADLINE_MS,
    });
    if (result.status !== 0) throw new Error(`export: ${result.stderr}`);
    return result.stdout;
  }

  /** @throws with the counts and the last log lines unless what the cloud holds is the truth */
  assertTruth(range: Range = {}): void {
    const comparison = compareExport(this.exportCsv(), trueWindows(this.options.dataDir, range));
    if (!isClean(comparison)) throw new Error(`${describeComparison(comparison)}\n${this.logs.slice(-30).join('\n')}`);
  }

  /**
   * `fogline audit` says that every stage has what the files have, or that the difference is declared.
   * @returns readings declared missing, by reason
   */
  assertAudited(range: Range = {}): Map<string, number> {
    const { declared } = this.auditReport();
    const byReason = new Map<string, number>();
    for (const { stage, reason, readings } of declared)
      if (stage !== 'source') byReason.set(reason, (byReason.get(reason) ?? 0) + readings);
    if (byReason.size === 0) this.assertTruth(range);
    return byReason;
  }

  /** The same while the parts run: each reading is stored, or still held, or declared. @returns readings that wait */
  assertNothingLost(): number {
    return this.auditReport().waiting;
  }

  private auditReport(): AuditReport {
    const { stateDir, options } = this;
    const args = ['audit', '--state', stateDir, '--data', options.dataDir, '--json'];
    const result = spawnSync(process.execPath, [ENTRY, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 29,
      cwd: this.folder,
      timeout: END_DEADLINE_MS,
    });
    if (result.status !== 0)
      throw new Error(`audit: exit ${result.status}\n${result.stdout.slice(0, 6_000)}${result.stderr}\n${this.logs.slice(-40).join('\n')}`);
    const report = JSON.parse(result.stdout) as AuditReport;
    if (report.windows === 0) throw new Error('nothing was audited');
    return report;
  }

  /** The simulator has said that it is done. */
  get hasFinished(): boolean {
    return this.finishedRun !== undefined;
  }

  /** @param beforeRemoval called when nothing runs any more and the folder is still there */
  async stop(beforeRemoval: () => unknown = () => undefined): Promise<void> {
    for (const part of ['simulate', 'edge', 'cloud'] as const) {
      const running = this.running.get(part);
      if (running === undefined) continue;
      running.process.kill('SIGTERM');
      const stopped = await Promise.race([running.exited.then(() => true), new Promise((resolve) => setTimeout(resolve, 10_000, false))]);
      if (stopped === false) await this.kill(part);
    }
    beforeRemoval();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private hear(event: ChildEvent): void {
    if (event.event === 'finished') this.finishedRun = event.run;
  }

  private argumentsOf(part: PartName): string[] {
    const { dataDir, untilSeconds, speed, sets = [], dial } = this.options;
    const { http, heartbeat, data, status } = this.ports;
    const all = [
      'link.heartbeat_seconds=0.5',
      'link.heartbeat_deadline_seconds=0.4',
      'link.data_deadline_seconds=3',
      `edge.status_port=${status}`,
    ];
    if (part === 'cloud') all.push(`cloud.http_port=${http}`, `link.heartbeat_port=${heartbeat}`, `link.data_port=${data}`);
    if (part === 'edge') all.push(`link.heartbeat_port=${dial?.heartbeatPort ?? heartbeat}`, `link.data_port=${dial?.dataPort ?? data}`);
    if (part === 'simulate') {
      all.push(`simulation.data_dir=${dataDir}`, `simulation.speed=${speed ?? 'max'}`);
      if (untilSeconds !== undefined) all.push(`simulation.until_seconds=${untilSeconds}`);
    }
    return ['--state', this.stateDir, '--json', ...[...all, ...sets].flatMap((set) => ['--set', set])];
  }
}

/** A fleet that is driven by `drive`, then replays to its end: afterwards the audit agrees with it. */
export async function auditedFleet(options: FleetOptions, drive: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = new Fleet(options);
  try {
    await fleet.open();
    await drive(fleet);
    await fleet.untilDone();
    assert.deepEqual([...fleet.assertAudited()], []);
  } finally {
    await fleet.stop();
  }
}
