/** `fogline run`: simulator, edge and cloud as child processes on this machine, until the replay is done or somebody stops it. */
import { systemClock } from '../common/clock.ts';
import type { RunOptions } from '../common/command.ts';
import { ReplayRun } from './replay-run.ts';
import { StateDir } from './state-dir.ts';
import { Terminal } from './terminal.ts';

export async function main(options: RunOptions): Promise<number> {
  const terminal = new Terminal({ out: process.stdout, err: process.stderr }, options.json, systemClock);
  const state = new StateDir(options.stateDir, systemClock);
  return new ReplayRun(options, state, terminal, systemClock).perform();
}
