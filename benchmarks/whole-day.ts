/**
 * How long does a whole day of 50 households take from CSV to acknowledged, and what does it cost? The households of a folder are
 * repeated under 50 ids (the real ones when they are beside the repository, else the synthetic ones).
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSample } from '../edge/simulator/sample-main.ts';
import { ensureBuilt, Fleet, type PartName } from '../tests/crash/fleet.ts';

const HOMES = 50;
const SEED = 20_191_224;
const LOOK_EVERY_MS = 500;
const IDLE_SECONDS = 20;
const REAL_DATA = join(import.meta.dirname, '../../shared/data/gem-house');
const PARTS: readonly PartName[] = ['simulate', 'edge', 'cloud'];

interface Usage {
  cpuSeconds: number;
  rssMbMax: number;
}

export async function wholeDay(say: (line: string) => void): Promise<void> {
  ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
  const dataDir = repeatHouseholds(folder);
  const fleet = new Fleet({ dataDir, sets: ['link.heartbeat_seconds=3', 'link.heartbeat_deadline_seconds=1.4'] });
  try {
    await fleet.open();
    const usage = new Map<PartName, Usage>();
    const startMs = performance.now();
    fleet.startAll();
    const looking = setInterval(() => look(fleet, usage), LOOK_EVERY_MS);
    const status = await fleet.untilDone();
    clearInterval(looking);
    look(fleet, usage);
    const seconds = (performance.now() - startMs) / 1_000;
    say(`whole day of ${HOMES} households: ${seconds.toFixed(1)} s, ${status.acked} parts, load ${loadavg()[0]?.toFixed(1)}`);
    for (const part of PARTS) {
      const { cpuSeconds = 0, rssMbMax = 0 } = usage.get(part) ?? {};
      say(`  ${part}: ${cpuSeconds.toFixed(1)} CPU-s, at most ${rssMbMax.toFixed(0)} MB`);
    }
    await sayIdle(fleet, say);
  } finally {
    await fleet.stop();
    rmSync(folder, { recursive: true });
  }
}

async function sayIdle(fleet: Fleet, say: (line: string) => void): Promise<void> {
  const running = PARTS.filter((part) => fleet.isRunning(part));
  const before = running.map((part) => fleet.cpuSeconds(part));
  await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1_000));
  running.forEach((part, i) => {
    const share = (fleet.cpuSeconds(part) - (before[i] as number)) / IDLE_SECONDS;
    say(`  ${part} idle: ${(share * 100).toFixed(1)} % of a core`);
  });
}

function look(fleet: Fleet, usage: Map<PartName, Usage>): void {
  for (const part of PARTS) {
    if (!fleet.isRunning(part)) continue;
    try {
      const rss = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${fleet.pidOf(part)}/status`, 'utf8'))?.[1];
      usage.set(part, { cpuSeconds: fleet.cpuSeconds(part), rssMbMax: Number(rss) / 1_024 });
    } catch {
      // It ended between the question and the look; the last figures stand.
    }
  }
}

function repeatHouseholds(folder: string): string {
  let source = REAL_DATA;
  if (!existsSync(source)) writeSample((source = join(folder, 'sample')), SEED);
  const files = readdirSync(source).filter((name) => name.endsWith('.csv'));
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  for (let home = 0; home < HOMES; home++)
    copyFileSync(join(source, files[home % files.length] as string), join(dataDir, `home-${home}.csv`));
  return dataDir;
}
