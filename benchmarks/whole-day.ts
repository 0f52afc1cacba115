/** How long does a whole day of 50 households take from CSV to acknowledged, and what does it cost? */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, Fleet, type PartName } from '../tests/crash/fleet.ts';
import { DEFAULT_TIMES } from './default-times.ts';
import { fiftyHomes, HOMES } from './fifty-homes.ts';
import { cpuSecondsOf, rssMbMaxOf } from './process-table.ts';
import type { Figure, Question } from './question.ts';

const LOOK_EVERY_MS = 500;
const PARTS: readonly PartName[] = ['simulate', 'edge', 'cloud'];

interface Usage {
  cpuSeconds: number;
  rssMbMax: number;
}

type UsageByPart = Map<PartName, Usage>;

export const wholeDay: Question = {
  name: 'whole-day',
  asks: `a whole day of ${HOMES} households at full speed, CSV to acknowledged`,
  answer: (say) => dayFigures({ sets: [], limitSeconds: 60, say }),
};

export interface Day {
  /** More settings, `section.key=value`. */
  sets: readonly string[];
  /** What is promised. */
  limitSeconds: number;
  say: (line: string) => void;
}

export async function dayFigures({ sets, limitSeconds, say }: Day): Promise<Figure[]> {
  ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
  const fleet = new Fleet({ dataDir: fiftyHomes(folder), sets: [...DEFAULT_TIMES, ...sets] });
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
    return [{ what: 'CSV to acknowledged', value: seconds, unit: 's', promise: { is: '≤', limit: limitSeconds } }, ...partFigures(usage)];
  } finally {
    clearInterval(looking);
    await fleet.stop();
    rmSync(folder, { recursive: true });
  }
}

function look(fleet: Fleet, usage: UsageByPart): void {
  for (const part of PARTS) {
    if (!fleet.isRunning(part)) continue;
    const [cpuSeconds, rssMbMax] = [cpuSecondsOf(fleet.pidOf(part)), rssMbMaxOf(fleet.pidOf(part))];
    // One that ended between the question and the look keeps its last figures.
    if (cpuSeconds !== undefined && rssMbMax !== undefined) usage.set(part, { cpuSeconds, rssMbMax });
  }
}

function partFigures(usage: UsageByPart): Figure[] {
  return PARTS.flatMap((part) => figuresOf(part, usage.get(part)));
}

function figuresOf(part: PartName, usage: Usage | undefined): Figure[] {
  const { cpuSeconds = Number.NaN, rssMbMax = Number.NaN } = usage ?? {};
  return [
    { what: `${part}, CPU`, value: cpuSeconds, unit: 's' },
    { what: `${part}, largest memory`, value: rssMbMax, unit: 'MB', promise: { is: '≤', limit: 300 } },
  ];
}
