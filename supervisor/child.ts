/**
 * One part as a child process that is kept running. It is in a process group of its own, so that a terminal's Ctrl-C reaches only
 * `fogline run`, which stops the parts in order. Its stdin is a pipe that nobody writes to: it closes however we end, and
 * the child ends by it. Its logs go straight into a file, which needs nobody alive on our side.
 */
import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, fstatSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChildEvent, ErrorEvent } from '../common/child-events.ts';
import type { Clock } from '../common/clock.ts';
import { makeFolder } from '../common/folders.ts';
import { type ChildExit, describeExit, judgeExit, type PartName } from './child-rules.ts';

/** A part that does not stop for so long is ended. */
const STOP_DEADLINE_MS = 10_000;
/** A log file beyond this is copied to FILE.old and emptied. */
const LOG_BYTES_MAX = 16 << 20;
/** What is read back from the log to say why a part gave up. */
const MESSAGE_BYTES_MAX = 8_192;

export interface ChildPlan {
  part: PartName;
  /** Program and arguments. */
  command: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  logFile: string;
  /** True for a part whose work has an end. */
  mayFinish: boolean;
}

export interface ChildListener {
  onEvent(event: ChildEvent): void;
  /** A process was started or has ended. */
  onProcess(): void;
  /** @param error what it said last; undefined when it said nothing */
  onRestart(part: PartName, reason: string, waitMs: number, error: ErrorEvent | undefined): void;
}

export interface GaveUp {
  kind: 'gave_up';
  part: string;
  exitCode: number;
  message: string;
  /** What it named last; null when it named nothing. */
  errorCode: string | null;
  /** It, or an earlier process of the same part, had said that it is ready. */
  everReady: boolean;
}

export type ChildEnd = { kind: 'stopped' } | { kind: 'finished' } | GaveUp;

export class Child {
  readonly plan: ChildPlan;
  restarts = 0;
  /** Undefined while no process is there. */
  pid: number | undefined;
  private readonly clock: Clock;
  private readonly listener: ChildListener;
  private readonly stopping = new AbortController();
  private readyAtMs: number | undefined;
  private saidFinished = false;
  private everReady = false;
  private error: ErrorEvent | undefined;
  private ended: Promise<ChildEnd> = Promise.resolve({ kind: 'stopped' });

  constructor(plan: ChildPlan, clock: Clock, listener: ChildListener) {
    this.plan = plan;
    this.clock = clock;
    this.listener = listener;
  }

  /** @returns how it ended for good; never rejects */
  start(): Promise<ChildEnd> {
    makeFolder(dirname(this.plan.logFile));
    this.ended = this.keepRunning();
    return this.ended;
  }

  /** Asks it to stop and waits until it has; ends it when it takes too long. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.kill('SIGTERM');
    const deadline = this.clock.timer(`stop ${this.plan.part}`, STOP_DEADLINE_MS, () => this.kill('SIGKILL'));
    await this.ended;
    deadline.cancel();
  }

  /** Keeps the log file below its limit; called now and then. */
  trimLog(): void {
    const { logFile } = this.plan;
    if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) <= LOG_BYTES_MAX) return;
    copyFileSync(logFile, `${logFile}.old`);
    truncateSync(logFile);
  }

  private async keepRunning(): Promise<ChildEnd> {
    let failures = 0;
    for (;;) {
      const { exit, message } = await this.runOnce();
      if (this.stopping.signal.aborted) return { kind: 'stopped' };
      const verdict = judgeExit(exit, failures, this.plan.mayFinish);
      if (verdict.kind === 'finished') return verdict;
      if (verdict.kind === 'gave_up') {
        const { errorCode, everReady } = exit;
        return { ...verdict, part: this.plan.part, message: message || describeExit(exit), errorCode, everReady };
      }
      failures = verdict.failures;
      this.restarts++;
      this.listener.onRestart(this.plan.part, describeExit(exit), verdict.waitMs, this.error);
      await this.clock.sleep(verdict.waitMs, this.stopping.signal);
      if (this.stopping.signal.aborted) return { kind: 'stopped' };
    }
  }

  private async runOnce(): Promise<{ exit: ChildExit; message: string }> {
    this.trimLog();
    const log = openSync(this.plan.logFile, 'a+');
    const logBegin = fstatSync(log).size;
    try {
      const { code, signal } = await this.spawnAndWait(log);
      const readyForMs = this.readyAtMs === undefined ? null : this.clock.monotonicMs() - this.readyAtMs;
      const { saidFinished, everReady, error } = this;
      return {
        exit: { code, signal, readyForMs, saidFinished, everReady, errorCode: error?.code ?? null },
        message: lastWords(log, logBegin),
      };
    } finally {
      closeSync(log);
    }
  }

  private spawnAndWait(log: number): Promise<{ code: number | null; signal: string | null }> {
    const [program = '', ...args] = this.plan.command;
    this.readyAtMs = undefined;
    this.saidFinished = false;
    this.error = undefined;
    return new Promise((resolve) => {
      const child = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', log], env: this.environment() });
      this.pid = child.pid;
      this.listener.onProcess();
      const over = (code: number | null, signal: string | null) => {
        this.pid = undefined;
        this.listener.onProcess();
        resolve({ code, signal });
      };
      child.once('error', () => over(1, null));
      child.once('close', over);
      // The pipe breaks when the child ends first; that is told by 'close'.
      child.stdin?.on('error', () => {});
      if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => this.hear(line));
    });
  }

  /** A failpoint kills once: a restarted part runs without it. */
  private environment(): Record<string, string | undefined> {
    const { FOGLINE_FAILPOINT: failpoint, ...others } = this.plan.env;
    return {
      ...others,
      ...(this.restarts === 0 && failpoint !== undefined ? { FOGLINE_FAILPOINT: failpoint } : {}),
      FOGLINE_CHILD_OF_RUN: '1',
    };
  }

  private hear(line: string): void {
    const event = parseEvent(line);
    if (event === undefined) return;
    if (event.event === 'ready') {
      this.readyAtMs = this.clock.monotonicMs();
      this.everReady = true;
    }
    if (event.event === 'finished') this.saidFinished = true;
    if (event.event === 'error') this.error = event;
    this.listener.onEvent(event);
  }

  private kill(signal: NodeJS.Signals): void {
    if (this.pid === undefined) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has ended already; 'close' is on its way.
    }
  }
}

/** Undefined for a line that is no event: then it is for nobody. */
function parseEvent(line: string): ChildEvent | undefined {
  try {
    return JSON.parse(line) as ChildEvent;
  } catch {
    return undefined;
  }
}

/** What the child wrote for people on stderr: its lines that are not log records. */
function lastWords(log: number, begin: number): string {
  const end = fstatSync(log).size;
  const from = Math.max(Math.min(begin, end), end - MESSAGE_BYTES_MAX);
  const bytes = Buffer.alloc(end - from);
  readSync(log, bytes, 0, bytes.length, from);
  const lines = bytes.toString('utf8').split('\n');
  const words = lines.filter((line) => line.trim() !== '' && !line.startsWith('{')).join('\n');
  return words.replace(/^fogline: /, '');
}
