/** Does a process grow? Resident memory of each, every second, while a day of 50 households is replayed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from '../tests/crash/fleet.ts';
import { fiftyHomes, HOMES } from './fifty-homes.ts';
import { rssMbOf } from './process-table.ts';
import type { Figure, Question } from './question.ts';
import { sleep, StartedRun } from './started-run.ts';

/** A day in 4 min 48 s: 7,300 readings a second, which leaves the machine air. */
const SPEED = 300;
const LOOK_MS = 1_000;
const READY_DEADLINE_MS = 60_000;

interface Sample {
  minutes: number;
  rssMb: number;
}

export const memory: Question = {
  name: 'memory',
  asks: `resident memory of each process over a day of ${HOMES} households at speed ${SPEED}`,
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const data = ['--data', fiftyHomes(folder), '--speed', String(SPEED), '--exit-when-done'];
    const run = new StartedRun(['--state', join(folder, 'state'), ...data]);
    try {
      await run.said(/^replays .* from \d/m, READY_DEADLINE_MS);
      const samples = await watch(run);
      const minutes = Math.max(...[...samples.values()].flatMap((its) => its.map((sample) => sample.minutes)));
      say(`watched ${minutes.toFixed(1)} minutes`);
      return [...samples].flatMap(([name, its]) => figuresOf(name, its, minutes));
    } finally {
      await run.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

/** By process, until the simulator has done its work. */
async function watch(run: StartedRun): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>();
  const startMs = performance.now();
  for (;;) {
    const processes = run.processes();
    if (!processes.some(({ name }) => name === 'simulate')) return samples;
    const minutes = (performance.now() - startMs) / 60_000;
    for (const { pid, name } of processes) {
      const rssMb = rssMbOf(pid);
      if (rssMb === undefined) continue;
      const its = samples.get(name) ?? [];
      its.push({ minutes, rssMb });
      samples.set(name, its);
    }
    await sleep(LOOK_MS);
  }
}

function figuresOf(name: string, samples: readonly Sample[], minutes: number): Figure[] {
  const last = samples.filter((sample) => sample.minutes >= minutes / 2);
  return [
    { what: `${name}, largest`, value: Math.max(...samples.map(({ rssMb }) => rssMb)), unit: 'MB', promise: { is: '≤', limit: 300 } },
    { what: `${name}, slope of the last half`, value: slope(last), unit: 'MB/min', promise: { is: '<', limit: 1 } },
  ];
}

/** Least squares. */
function slope(samples: readonly Sample[]): number {
  const count = samples.length;
  const meanMinutes = samples.reduce((sum, { minutes }) => sum + minutes, 0) / count;
  const meanMb = samples.reduce((sum, { rssMb }) => sum + rssMb, 0) / count;
  let together = 0;
  let apart = 0;
  for (const { minutes, rssMb } of samples) {
    together += (minutes - meanMinutes) * (rssMb - meanMb);
    apart += (minutes - meanMinutes) ** 2;
  }
  return together / apart;
}
