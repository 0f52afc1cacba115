/** A service manager as a process sees it: a socket that takes words, and the environment that leads there. Played by Python. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pythonWith } from './python-with.ts';

const python = pythonWith('socket', 'struct');

/** False where it can be played, else why the test is skipped. */
export const noNotifySocket: string | false = whyNot();

function whyNot(): string | false {
  if (python === undefined) return 'python3 is not installed';
  if (spawnSync('systemd-notify', ['--version']).status !== 0) return 'systemd-notify is not installed (package systemd)';
  return false;
}

export class NotifySocket {
  private folder = '';
  private child: ChildProcess | undefined;
  /** Every word, with whether its sender could be looked up when it was read. */
  readonly words: { word: string; known: boolean }[] = [];

  async start(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), 'fogline-notify-'));
    const script = join(import.meta.dirname, 'notify-socket.py');
    const child = spawn(python as string, [script, this.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child = child;
    const lines = createInterface({ input: child.stdout });
    const listening = once(lines, 'line');
    lines.on('line', (line) => {
      const { words = [], known = false } = JSON.parse(line) as { words?: string[]; known?: boolean };
      for (const word of words) if (word !== '' && word !== 'BARRIER=1') this.words.push({ word, known });
    });
    await listening;
  }

  /** @param watchdogMs silence that the manager would end a process for */
  environment(watchdogMs?: number): Record<string, string> {
    return { NOTIFY_SOCKET: this.path, ...(watchdogMs === undefined ? {} : { WATCHDOG_USEC: String(watchdogMs * 1_000) }) };
  }

  count(word: string): number {
    return this.words.filter((its) => its.word === word).length;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child !== undefined && child.exitCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get path(): string {
    return join(this.folder, 'notify');
  }
}
