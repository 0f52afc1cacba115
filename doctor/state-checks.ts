/** The disk that --state lies on: writable, space, whether a sync works and what it costs, whether the doorbell is heard. */
import { closeSync, existsSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Doorbell } from '../common/broker/doorbell.ts';
import type { Clock } from '../common/clock.ts';
import type { Config } from '../common/config.ts';
import { type Check, missing, ok, warn } from './check.ts';

const MIB = 2 ** 20;
/** Below this nothing should be begun: logs grow while the disk fills. */
const FREE_NEEDED_BYTES = 256 * MIB;
const SYNCS = 15;
const SYNC_BYTES = 4_096;
/** Every acknowledgement waits for a sync or two. */
const SYNC_SLOW_MS = 50;
const RING_DEADLINE_MS = 1_000;
/** File systems by the kernel's number: those that keep nothing, and those where SQLite's locks or syncs are not to be trusted. */
const MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9p'],
]);

export async function stateChecks(stateDir: string, config: Config, clock: Clock): Promise<Check[]> {
  let dir = stateDir;
  while (!existsSync(dir) && dirname(dir) !== dir) dir = dirname(dir);
  let probe: string;
  try {
    probe = mkdtempSync(join(dir, '.fogline-doctor-'));
  } catch (error) {
    const remedy = 'give --state a folder that this user may write';
    return [missing('state', `${dir} can not be written (${(error as NodeJS.ErrnoException).code})`, remedy)];
  }
  try {
    return [ok('state', `${stateDir} can be written`), spaceCheck(dir, config), syncCheck(probe, clock), await doorbellCheck(probe, clock)];
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function spaceCheck(dir: string, config: Config): Check {
  const { bavail, bsize } = statfsSync(dir);
  return spaceCheckOf(bavail * bsize, (config.broker.quota_mb + config.edge.outbox_quota_mb) * MIB);
}

/** @param quotaBytes what the logs of topic and outbox may reach; the store of the cloud comes on top */
export function spaceCheckOf(freeBytes: number, quotaBytes: number): Check {
  const says = `${gb(freeBytes)} GB free`;
  if (freeBytes < FREE_NEEDED_BYTES) return missing('space', says, 'make room, or give --state a folder on another disk');
  if (freeBytes >= quotaBytes) return ok('space', says);
  const remedy = 'make room, or lower broker.quota_mb and edge.outbox_quota_mb';
  return warn('space', `${says}, less than the ${gb(quotaBytes)} GB that topic and outbox may reach`, remedy);
}

function gb(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

function syncCheck(probe: string, clock: Clock): Check {
  const { type } = statfsSync(probe);
  const local = 'give --state a folder on a local disk';
  const network = NETWORK.get(type);
  if (network !== undefined) return missing('sync', `a network file system (${network}): SQLite's log needs a local one`, local);
  if (MEMORY.has(type)) return warn('sync', 'a file system in memory: a power cut or restart loses everything', local);
  const file = openSync(join(probe, 'sync'), 'w');
  const tookMs: number[] = [];
  try {
    for (let i = 0; i < SYNCS; i++) {
      const beganMs = clock.monotonicMs();
      writeSync(file, Buffer.alloc(SYNC_BYTES, i), 0, SYNC_BYTES, i * SYNC_BYTES);
      fdatasyncSync(file);
      tookMs.push(clock.monotonicMs() - beganMs);
    }
  } catch (error) {
    return missing('sync', `fdatasync is refused (${(error as NodeJS.ErrnoException).code})`, local);
  } finally {
    closeSync(file);
  }
  return syncCheckOf(tookMs);
}

export function syncCheckOf(tookMs: readonly number[]): Check {
  const sorted = [...tookMs].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? 0;
  const says = `${median.toFixed(2)} ms median, ${(sorted.at(-1) ?? 0).toFixed(2)} ms at most`;
  if (median <= SYNC_SLOW_MS) return ok('sync', says);
  return warn('sync', `${says}: slow`, 'every acknowledgement waits for it; a disk with a quicker sync makes the backlog drain sooner');
}

/** Two bells at one file, as two processes have them. */
async function doorbellCheck(probe: string, clock: Clock): Promise<Check> {
  const file = join(probe, 'doorbell');
  const listener = new Doorbell(file);
  const ringer = new Doorbell(file);
  const heard = new AbortController();
  let deaf: Error | undefined;
  try {
    listener.open();
    listener.listen(
      () => heard.abort(),
      (error) => {
        deaf = error;
        heard.abort();
      },
    );
    ringer.open();
    const beganMs = clock.monotonicMs();
    ringer.ring();
    await clock.sleep(RING_DEADLINE_MS, heard.signal);
    if (heard.signal.aborted && deaf === undefined) return ok('doorbell', `heard after ${(clock.monotonicMs() - beganMs).toFixed(1)} ms`);
    const code = (deaf as NodeJS.ErrnoException | undefined)?.code;
    const remedy = code === undefined ? 'use a local disk' : 'raise fs.inotify.max_user_instances and max_user_watches (sysctl)';
    return warn('doorbell', `changes of a file are not told${code === undefined ? '' : ` (${code})`}: new records come later`, remedy);
  } finally {
    listener.close();
    ringer.close();
  }
}
