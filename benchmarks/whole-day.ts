/** How long does a whole day of 50 households take from CSV to acknowledged, and what does it cost? */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, Fleet, type PartName } from '../tests/crash/fleet.ts';
import { fiftyHomes, HOMES } from './fifty-homes.ts';
import { cpuSecondsOf, rssMbMaxOf } from './process-table.ts';
import type { Figure, Question } from './question.ts';

export const LOOK_EVERY_MS = 500;
const PARTS: readonly PartName[] = ['simulate', 'edge', 'cloud'];

interface Usage {
  cpuSeconds: number;
  rssMbMax: number;
}

export type UsageByPart = Map<PartName, Usage>;

export const wholeDay: Question = {
  name: 'whole-day',
  asks: `a whole day of ${HOMES} households at full speed, CSV to acknowledged`,
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const fleet = new Fleet({
      dataDir: fiftyHomes(folder),
      sets: ['link.heartbeat_seconds=3', 'link.heartbeat_deadline_seconds=1.2', 'link.data_deadline_seconds=10'],
    });
    const usage: UsageByPart = new Map();
    const looking = setInterval(() => look(fleet, usage), LOOK_EVERY_MS);
    try {
      await fleet.open();
      const startMs = performance.now();
      fleet.startAll();
      const status = await fleet.untilDone();
      const seconds = (performance.now() - startMs) / 1_000;
      look(fleet, usage);
      say(`${status.acked} parts acknowledged`);
      return [{ what: 'CSV to acknowledged', value: seconds, unit: 's', promise: { is: '≤', limit: 60 } }, ...partFigures(usage)];
    } finally {
      clearInterval(looking);
      await fleet.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

export function look(fleet: Fleet, usage: UsageByPart): void {
  for (const part of PARTS) {
    if (!fleet.isRunning(part)) continue;
    const [cpuSeconds, rssMbMax] = [cpuSecondsOf(fleet.pidOf(part)), rssMbMaxOf(fleet.pidOf(part))];
    // One that ended between the question and the look keeps its last figures.
    if (cpuSeconds !== undefined && rssMbMax !== undefined) usage.set(part, { cpuSeconds, rssMbMax });
  }
}

export function partFigures(usage: UsageByPart): Figure[] {
  return PARTS.flatMap((part) => figuresOf(part, usage.get(part)));
}

function figuresOf(part: PartName, usage: Usage | undefined): Figure[] {
  const { cpuSeconds = Number.NaN, rssMbMax = Number.NaN } = usage ?? {};
  return [
    { what: `${part}, CPU`, value: cpuSeconds, unit: 's' },
    { what: `${part}, largest memory`, value: rssMbMax, unit: 'MB', promise: { is: '≤', limit: 300 } },
  ];
}
