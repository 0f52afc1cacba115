/** `fogline run` as a user starts it, with free ports and a state folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type FoundProcess, processesUnder } from './process-table.ts';

export const ROOT = join(import.meta.dirname, '..');
const FREE_PORTS = ['cloud.http_port=0', 'link.heartbeat_port=0', 'link.data_port=0'].flatMap((set) => ['--set', set]);
const STOP_DEADLINE_MS = 30_000;
const LOOK_MS = 20;

export class StartedRun {
  readonly startedMs = performance.now();
  output = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;

  /** @param top folder with scripts/start.mjs and dist/ */
  constructor(args: readonly string[], top = ROOT) {
    const program = join(top, 'scripts/start.mjs');
    this.child = spawn(process.execPath, [program, 'run', ...FREE_PORTS, ...args], { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (chunk: unknown) => void (this.output += String(chunk));
    this.child.stdout?.on('data', hear);
    this.child.stderr?.on('data', hear);
    this.ended = new Promise((resolve) => this.child.once('close', () => resolve()));
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The run itself and its parts. */
  processes(): FoundProcess[] {
    return processesUnder(this.child.pid as number);
  }

  /** Waits until it has said so. @throws with what it said when it has not in time */
  async said(pattern: RegExp, deadlineMs: number): Promise<RegExpExecArray> {
    const untilMs = performance.now() + deadlineMs;
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (!this.isRunning || performance.now() > untilMs) throw new Error(`never said ${pattern}:\n${this.output.slice(-2_000)}`);
      await sleep(LOOK_MS);
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.ended;
    clearTimeout(deadline);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
