/** What the faults of a long run have in their hands, and how they wait for what they must see. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Random } from '../common/random.ts';
import type { Fleet, PartName } from '../tests/crash/fleet.ts';
import type { DialledClock } from '../tests/doubles/dialled-clock.ts';
import type { FaultyProxy } from '../tests/doubles/faulty-proxy.ts';
import { copyFolder } from '../tests/doubles/folder-copy.ts';
import type { HostileProcess } from '../tests/doubles/hostile-process.ts';
import type { SmallDisk } from '../tests/doubles/small-disk.ts';
import { type AuditReport, differencesOf } from './soak-judge.ts';
import { ROOT, sleep } from './started-run.ts';

/** So long a fault goes on beyond its time, until it has been seen to take effect. */
const MET_DEADLINE_MS = 30_000;
/** Until what a restored or mended part lacks has been brought again. */
const AGREES_DEADLINE_MS = 180_000;
/** Looks at it, however slow the machine is. */
const AUDITS_MIN = 4;
const LOOK_MS = 100;
const BETWEEN_AUDITS_MS = 2_000;

export const DISKS = ['edge', 'broker', 'cloud'] as const;
export type DiskPlace = (typeof DISKS)[number];

export interface SoakParts {
  fleet: Fleet;
  dataDir: string;
  proxies: readonly FaultyProxy[];
  hostile: HostileProcess;
  /** Of each folder of the state that a part writes to. */
  disks: Readonly<Record<DiskPlace, SmallDisk>>;
  /** Of all parts. */
  clock: DialledClock;
  /** A folder that holds some of the state's as they were a while ago. */
  copies: string;
  /** Households that were given poison so far. */
  poisoned: string[];
  /** Parts that may end by themselves while this is in it: their supervisor starts them again. */
  mayEnd: Set<PartName>;
  /** Parts that a fault has in its hands: it starts them again itself. */
  held: Set<PartName>;
}

export interface SoakFault {
  name: string;
  /**
   * Resolves when it is over and everything runs.
   * @param random of this one time: what a fault draws moves no other
   * @returns whether it was seen to take effect
   * @throws when a promise is broken
   */
  befall(parts: SoakParts, random: Random, lastsMs: number): Promise<boolean>;
}

/** Waits so long, and then until it has been seen or the deadline is over. @returns whether it was seen at any time */
export async function lasting(
  lastsMs: number,
  isMet: () => boolean | Promise<boolean>,
  moreMs: number = MET_DEADLINE_MS,
): Promise<boolean> {
  const startMs = performance.now();
  let met = false;
  for (;;) {
    met ||= await isMet();
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs >= lastsMs && (met || elapsedMs >= lastsMs + moreMs)) return met;
    await sleep(LOOK_MS);
  }
}

/** The parts are this fault's alone meanwhile, and run afterwards. */
export async function holding<T>({ held, fleet }: SoakParts, its: readonly PartName[], work: () => Promise<T>): Promise<T> {
  for (const part of its) held.add(part);
  try {
    return await work();
  } finally {
    for (const part of its) {
      if (!fleet.isRunning(part)) fleet.start(part);
      held.delete(part);
    }
  }
}

export async function auditOf({ fleet, dataDir }: Pick<SoakParts, 'fleet' | 'dataDir'>): Promise<AuditReport> {
  const args = [join(ROOT, 'dist/fogline.js'), 'audit', '--state', fleet.stateDir, '--data', dataDir, '--json'];
  // Beside us: what the proxies carry shall not wait for it.
  const process_ = spawn(process.execPath, args, { cwd: fleet.folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const [said, complaint] = await Promise.all([text(process_.stdout), text(process_.stderr)]);
  if (said === '') throw new Error(`the audit gave no answer: ${complaint}`);
  return JSON.parse(said) as AuditReport;
}

/** Folders of the state, as they are now, are what `putBack` puts there later. Who writes to them must not run. */
function copyAside({ fleet, copies }: SoakParts, folders: readonly string[]): void {
  for (const folder of folders) copyFolder(join(fleet.stateDir, folder), join(copies, folder));
}

export function putBack({ fleet, copies }: SoakParts, folders: readonly string[]): void {
  for (const folder of folders) copyFolder(join(copies, folder), join(fleet.stateDir, folder));
}

/** For the next fault that puts it back. */
export function copyCloud(parts: SoakParts): Promise<void> {
  return holding(parts, ['cloud'], async () => {
    await parts.fleet.kill('cloud');
    copyAside(parts, ['cloud']);
  });
}

/** @throws with the differences that are left at the deadline */
export async function untilAgrees(parts: SoakParts): Promise<void> {
  const untilMs = performance.now() + AGREES_DEADLINE_MS;
  for (let audits = 1; ; audits++) {
    const differences = differencesOf(await auditOf(parts), parts.poisoned);
    if (differences.length === 0) return;
    if (performance.now() > untilMs && audits >= AUDITS_MIN)
      throw new Error(`what was lost has not been brought again: ${differences.slice(0, 5).join('; ')}`);
    await sleep(BETWEEN_AUDITS_MS);
  }
}
