/** What does each process cost when the replay has finished and nobody looks at the page? */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from '../tests/crash/fleet.ts';
import { householdFolder } from './fifty-homes.ts';
import { cpuSecondsOf } from './process-table.ts';
import type { Figure, Question } from './question.ts';
import { sleep, StartedRun } from './started-run.ts';

const REPLAY_SECONDS = 7_200;
const REPLAY_DEADLINE_MS = 240_000;
/** After the last part: trimming, checkpoints. */
const SETTLE_MS = 5_000;
const WATCH_MS = 30_000;

export const idle: Question = {
  name: 'idle',
  asks: `CPU of each process over ${WATCH_MS / 1_000} s after a finished run`,
  async answer(): Promise<Figure[]> {
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const data = ['--data', householdFolder(folder), '--until', String(REPLAY_SECONDS), '--speed', 'max'];
    const run = new StartedRun(['--state', join(folder, 'state'), ...data]);
    try {
      await run.said(/replay finished/, REPLAY_DEADLINE_MS);
      await sleep(SETTLE_MS);
      const processes = run.processes();
      const before = processes.map(({ pid }) => cpuSecondsOf(pid));
      const startMs = performance.now();
      await sleep(WATCH_MS);
      const seconds = (performance.now() - startMs) / 1_000;
      return processes.map(({ pid, name }, i) => {
        const used = (cpuSecondsOf(pid) ?? Number.NaN) - (before[i] ?? Number.NaN);
        return { what: name, value: (100 * used) / seconds, unit: '% of a core', promise: { is: '<', limit: 2 } };
      });
    } finally {
      await run.stop();
      rmSync(folder, { recursive: true });
    }
  },
};
