/** What happens to the files of a long run: full disks, a lock, a copy of a while ago, flipped bits, a page of zeros, a log gone. */
import { existsSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { SERIES_FILE } from '../cloud/server/storage/open-database.ts';
import { isUnproven } from '../cloud/server/storage/series-swap.ts';
import { SET_ASIDE_FOLDER } from '../common/set-aside.ts';
import { OUTBOX_FILE } from '../edge/server/outbox-schema.ts';
import type { PartName } from '../tests/crash/fleet.ts';
import { flipRowBit, NEWEST_APPEND, OUTBOX_ROW, STORE_PART, STORE_SOURCE, zeroPageOf } from '../tests/doubles/damaged-row.ts';
import { holdsOpen } from '../tests/doubles/process-state.ts';
import { differencesOf } from './soak-judge.ts';
import {
  auditOf,
  copyCloud,
  type DiskPlace,
  holding,
  lasting,
  putBack,
  type SoakFault,
  type SoakParts,
  untilAgrees,
} from './soak-parts.ts';
import { sleep } from './started-run.ts';

/** After the lock is held, until a reply that was on its way has come and is told by the edge. */
const SETTLE_MS = 1_500;
/** After there is room again, until a part that waits for it has seen so. */
const ROOM_MS = 1_000;
/** Until the simulator has appended something. */
const APPENDS_MS = 4_000;
/** Of a store of some hundred thousand parts, beside everything else. */
const SALVAGE_DEADLINE_MS = 180_000;
/** A write-ahead log has nothing else. */
const WAL_HEADER_BYTES = 32;
/** They share the topic's file. */
const TOPIC_PARTS = ['edge', 'simulate'] as const;

/** @param mayEnd parts that may end with their reason on a full disk, and are started again */
function fullDisk(place: DiskPlace, told: RegExp, tells: readonly PartName[], mayEnd: readonly PartName[]): SoakFault {
  return {
    name: `full disk of the ${place}`,
    async befall(parts, _random, lastsMs) {
      const { fleet, disks } = parts;
      for (const part of mayEnd) parts.mayEnd.add(part);
      const line = fleet.loggedLines;
      disks[place].fill(0);
      const isMet = await lasting(lastsMs, () => tells.some((part) => told.test(fleet.loggedSince(part, line))));
      disks[place].empty();
      await sleep(ROOM_MS);
      for (const part of mayEnd) parts.mayEnd.delete(part);
      return isMet;
    },
  };
}

export const fullDisks: readonly SoakFault[] = [
  fullDisk('edge', /can not be written|can not go on/, ['edge'], []),
  fullDisk('broker', /BROKER_FULL|disk or quota is full/, ['simulate', 'edge'], ['simulate', 'edge']),
  fullDisk('cloud', /no space for .*series\.db/, ['cloud'], []),
];

export const lockedStore: SoakFault = {
  name: 'store locked by another process',
  async befall({ fleet }, _random, lastsMs) {
    const other = new Database(join(fleet.stateDir, SERIES_FILE), { timeout: 30_000 });
    try {
      other.exec('BEGIN IMMEDIATE');
      await sleep(SETTLE_MS);
      const { acked } = await fleet.until('the edge answers', () => true);
      let now = acked;
      const isMet = await lasting(lastsMs, async () => {
        const status = await fleet.status();
        now = Math.max(now, status?.acked ?? 0);
        return status !== undefined && status.queued + status.sent > 0;
      });
      if (now > acked) throw new Error(`${now - acked} rows acknowledged while the store was locked`);
      return isMet;
    } finally {
      // Rolls back.
      other.close();
    }
  },
};

/** R9: the edge brings what the copy lacks, and the audit, which has named it, agrees again. */
export const restoredCloud: SoakFault = {
  name: 'cloud restored from a copy of a while ago',
  async befall(parts) {
    const isMet = await holding(parts, ['cloud'], async () => {
      await parts.fleet.kill('cloud');
      putBack(parts, ['cloud']);
      return (await auditOf(parts)).refusals.some(({ stage, household }) => stage === 'cloud' && !parts.poisoned.includes(household));
    });
    await untilAgrees(parts);
    await copyCloud(parts);
    return isMet;
  },
};

/** Set aside by the edge alone, and asked for anew. */
export const damagedOutbox: SoakFault = {
  name: 'flipped bit in a row of the outbox',
  async befall(parts, random) {
    const { fleet } = parts;
    const line = fleet.loggedLines;
    await holding(parts, ['edge'], async () => {
      await fleet.kill('edge');
      flipRowBit(join(fleet.stateDir, 'edge', OUTBOX_FILE), OUTBOX_ROW, random);
    });
    return lasting(0, () => fleet.loggedSince('edge', line).includes('damage in the outbox: set aside, and asked for anew'));
  },
};

/** Met by the edge, which ends, and sets the file aside when it starts again; who has the old one ends too. What is lost is said again. */
export const damagedTopic: SoakFault = {
  name: 'flipped bit in a row of the topic',
  async befall(parts, random, lastsMs) {
    const { fleet, mayEnd } = parts;
    const line = fleet.loggedLines;
    const file = join(fleet.stateDir, 'broker', 'broker.db');
    for (const part of TOPIC_PARTS) mayEnd.add(part);
    try {
      await holding(parts, ['edge'], async () => {
        await fleet.kill('edge');
        // What it appends now no edge has taken in.
        await sleep(APPENDS_MS);
        await holding(parts, ['simulate'], async () => {
          await fleet.kill('simulate');
          flipRowBit(file, NEWEST_APPEND, random);
        });
      });
      const isMet = await lasting(lastsMs, () => {
        const isTold = TOPIC_PARTS.some((part) => /the broker's file was damaged/.test(fleet.loggedSince(part, line)));
        return isTold && TOPIC_PARTS.every((part) => (fleet.isRunning(part) ? holdsOpen(fleet.pidOf(part), file) : fleet.hasFinished));
      });
      // As the operator may: each is as large as the topic, and the next one needs the room.
      if (isMet) rmSync(join(fleet.stateDir, 'broker', SET_ASIDE_FOLDER), { recursive: true });
      return isMet;
    } finally {
      for (const part of TOPIC_PARTS) mayEnd.delete(part);
    }
  },
};

/** Mended by the cloud alone. */
export const damagedSource: SoakFault = {
  name: "flipped bit in a record of the cloud's store",
  async befall(parts, random) {
    const { fleet } = parts;
    const line = fleet.loggedLines;
    await holding(parts, ['cloud'], async () => {
      await fleet.kill('cloud');
      flipRowBit(join(fleet.stateDir, SERIES_FILE), STORE_SOURCE, random);
    });
    const isMet = await lasting(0, () => fleet.loggedSince('cloud', line).includes('record damaged: set aside, and mended'));
    if (fleet.loggedSince('cloud', line).includes('it can not be mended'))
      throw new Error('a record that its parts vouch for was not mended');
    return isMet;
  },
};

/** Named by the audit while the cloud goes on; then the copy is put in its place. */
export const damagedPart: SoakFault = {
  name: "flipped bit in a part of the cloud's store",
  async befall(parts, random, lastsMs) {
    const isMet = await holding(parts, ['cloud'], async () => {
      const { fleet } = parts;
      await fleet.kill('cloud');
      flipRowBit(join(fleet.stateDir, SERIES_FILE), STORE_PART, random);
      fleet.start('cloud');
      await sleep(lastsMs);
      const isNamed = await isDamageNamed(parts);
      await fleet.kill('cloud');
      putBack(parts, ['cloud']);
      return isNamed;
    });
    await untilAgrees(parts);
    await copyCloud(parts);
    return isMet;
  },
};

/** The cloud makes a new store of what is left when it starts again; the edge brings the rest. */
export const damagedStore: SoakFault = {
  name: "page of zeros in the cloud's store",
  async befall(parts, random, lastsMs) {
    const { fleet } = parts;
    const file = join(fleet.stateDir, SERIES_FILE);
    const aside = join(dirname(file), SET_ASIDE_FOLDER);
    await holding(parts, ['cloud'], async () => {
      await fleet.kill('cloud');
      zeroPageOf(file, 'parts', random);
    });
    // The start has come to its end with the new one.
    const isMet = await lasting(
      lastsMs,
      () => existsSync(join(aside, 'series-1', 'series.db')) && existsSync(file) && !isUnproven(file),
      SALVAGE_DEADLINE_MS,
    );
    await untilAgrees(parts);
    // As the operator may.
    if (isMet) rmSync(aside, { recursive: true });
    await copyCloud(parts);
    return isMet;
  },
};

/** Leaves an older outbox, or store. */
function lostLog(part: 'edge' | 'cloud', what: string, file: string): SoakFault {
  return {
    name: `write-ahead log of the ${what} gone`,
    async befall(parts) {
      const { fleet } = parts;
      const isMet = await holding(parts, [part], async () => {
        await fleet.kill(part);
        const log = join(fleet.stateDir, `${file}-wal`);
        const bytes = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
        rmSync(log, { force: true });
        return bytes > WAL_HEADER_BYTES;
      });
      await untilAgrees(parts);
      return isMet;
    },
  };
}

export const lostLogs: readonly SoakFault[] = [
  lostLog('edge', 'outbox', join('edge', OUTBOX_FILE)),
  lostLog('cloud', "cloud's store", SERIES_FILE),
];

/** @throws when the audit names another household than the damaged one */
async function isDamageNamed(parts: SoakParts): Promise<boolean> {
  const differences = differencesOf(await auditOf(parts), parts.poisoned);
  const [damaged, ...others] = new Set(differences.map((difference) => difference.split(',')[0]));
  if (others.length > 0) throw new Error(`the damage of ${damaged} has reached ${others.join()}`);
  return differences.some((difference) => /the checksum of seqs \d+ to \d+ does not hold/.test(difference));
}
