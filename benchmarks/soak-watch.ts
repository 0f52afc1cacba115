/**
 * What a long run is watched for: open files, memory and sizes of files of its processes, with the limits that say whether they grow.
 * The first quarter is warm-up, in which caches and files fill; then the last is compared with the second.
 */
import { readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { SET_ASIDE_FOLDER } from '../common/set-aside.ts';
import type { Fleet, PartName } from '../tests/crash/fleet.ts';
import { rssMbOf } from './process-table.ts';
import { type Figure, median } from './question.ts';

export const PARTS: readonly PartName[] = ['cloud', 'edge', 'simulate'];
/** Descriptors that may be open more in the last quarter than in the second. */
const FDS_MORE_MAX = 8;
/** Median memory of the last quarter above that of the second. */
const RSS_MB_MORE_MAX = 40;
/** Any process at any time. */
const RSS_MB_MAX = 400;
/** A write-ahead log is copied into its file every thousand pages of 8 kB; a reader may hold it up, as the audits in faults do. */
const WAL_MB_MAX = 64;
/** Of outbox and store, per part, in the last quarter, in comparison with the second: the median of each, as a fault may take some away. */
const DISK_RATIO_MAX = 1.25;
const MIB = 1 << 20;

interface Sample {
  atMs: number;
  fds: number;
  rssMb: number;
}

interface DiskSample {
  atMs: number;
  parts: number;
  bytes: number;
}

export class SoakWatch {
  private readonly fleet: Pick<Fleet, 'isRunning' | 'pidOf' | 'stateDir'>;
  private readonly samples = new Map<PartName, Sample[]>(PARTS.map((part) => [part, []]));
  private readonly disk: DiskSample[] = [];
  private rssMbMax = 0;
  /** Undefined while nothing was calm. */
  private walBytesMax: number | undefined;
  private walBytes = 0;

  constructor(fleet: SoakWatch['fleet']) {
    this.fleet = fleet;
  }

  /**
   * @param isCalm no fault now, and none a moment ago: only then what is open is what stays open
   * @param parts that are acknowledged
   */
  look(atMs: number, isCalm: boolean, parts: number | undefined): void {
    for (const [part, samples] of this.samples) {
      if (!this.fleet.isRunning(part)) continue;
      const [fds, rssMb] = [openFilesOf(this.fleet.pidOf(part)), rssMbOf(this.fleet.pidOf(part))];
      if (fds === undefined || rssMb === undefined) continue;
      this.rssMbMax = Math.max(this.rssMbMax, rssMb);
      if (isCalm) samples.push({ atMs, fds, rssMb });
    }
    const files = filesUnder(this.fleet.stateDir);
    const sum = (wanted: (name: string) => boolean) => files.reduce((bytes, file) => bytes + (wanted(file.name) ? file.bytes : 0), 0);
    this.walBytes = sum((name) => name.endsWith('-wal'));
    if (isCalm) this.walBytesMax = Math.max(this.walBytesMax ?? 0, this.walBytes);
    if (parts !== undefined && parts > 0) this.disk.push({ atMs, parts, bytes: sum(growsWithParts) });
  }

  /** e.g. `cloud 130 MB 31 files, edge …, write-ahead logs 3 MB` */
  line(): string {
    const parts = PARTS.flatMap((part) => {
      const last = this.samples.get(part)?.at(-1);
      return last === undefined ? [] : [`${part} ${last.rssMb.toFixed(0)} MB ${last.fds} files`];
    });
    return [...parts, `write-ahead logs ${(this.walBytes / MIB).toFixed(0)} MB`].join(', ');
  }

  figures(untilMs: number): Figure[] {
    const [second, last] = [quarter(untilMs, 1), quarter(untilMs, 3)];
    const perPart = PARTS.flatMap((part) => {
      const samples = this.samples.get(part) ?? [];
      const [early, late] = [samples.filter(second), samples.filter(last)];
      // The middle: a look right after a restart meets all edges dialling at once, and says nothing of growth.
      const middle = (its: readonly Sample[], of: (sample: Sample) => number) => median(its.map(of));
      const more = (of: (sample: Sample) => number) => middle(late, of) - middle(early, of);
      return [
        { what: `${part}, open files, more than at first`, value: more(({ fds }) => fds), unit: 'files', promise: atMost(FDS_MORE_MAX) },
        { what: `${part}, memory, more than at first`, value: more(({ rssMb }) => rssMb), unit: 'MB', promise: atMost(RSS_MB_MORE_MAX) },
      ];
    });
    return [
      ...perPart,
      { what: 'largest memory of a process', value: this.rssMbMax, unit: 'MB', promise: atMost(RSS_MB_MAX) },
      {
        what: 'largest write-ahead logs together',
        value: (this.walBytesMax ?? Number.NaN) / MIB,
        unit: 'MB',
        promise: atMost(WAL_MB_MAX),
      },
      {
        what: 'bytes of outbox and store per part, last quarter to second',
        value: bytesPerPart(this.disk.filter(last)) / bytesPerPart(this.disk.filter(second)),
        unit: '×',
        promise: atMost(DISK_RATIO_MAX),
      },
    ];
  }
}

/**
 * Outbox and store. Not what was set aside, which stays until a person deletes it; nor the topic, which is bounded by its retention and
 * quota: after damage everything is replayed into it, beside what was sound.
 */
function growsWithParts(name: string): boolean {
  const folders = name.split(sep);
  return name.endsWith('.db') && !folders.includes(SET_ASIDE_FOLDER) && !folders.includes('broker');
}

function atMost(limit: number): { is: '≤'; limit: number } {
  return { is: '≤', limit };
}

function quarter(untilMs: number, n: number): (sample: { atMs: number }) => boolean {
  return ({ atMs }) => atMs >= (untilMs * n) / 4 && atMs < (untilMs * (n + 1)) / 4;
}

function bytesPerPart(samples: readonly DiskSample[]): number {
  return median(samples.map(({ bytes, parts }) => bytes / parts));
}

function openFilesOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

function filesUnder(folder: string): { name: string; bytes: number }[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
      const stats = statSync(join(folder, name), { throwIfNoEntry: false });
      return stats?.isFile() === true ? [{ name, bytes: stats.size }] : [];
    });
  } catch {
    // A file went away while we looked.
    return [];
  }
}
