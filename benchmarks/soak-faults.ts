/** What happens to a long run: each fault begins, lasts and is over; what it must be met with afterwards is done by itself. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../common/random.ts';
import type { Fleet, PartName } from '../tests/crash/fleet.ts';
import type { FaultyProxy, ProxyFault } from '../tests/doubles/faulty-proxy.ts';
import type { HostileProcess } from '../tests/doubles/hostile-process.ts';
import { sleep } from './started-run.ts';

/** Size of the disk that the edge has to itself, where this process may make one. */
const DISK_MB = 256;
/** Left free while the disk is under pressure: less than one commit takes. */
const FREE_BYTES = 16_384;
const PARTS: readonly PartName[] = ['simulate', 'edge', 'cloud'];
/** Of the edge's folders. */
const WRITERS = ['edge', 'simulate'] as const;
const BALLAST = 'ballast';

export interface SoakParts {
  fleet: Fleet;
  proxies: readonly FaultyProxy[];
  hostile: HostileProcess | undefined;
  random: Random;
  /** The edge's folder is a disk of its own. */
  hasDisk: boolean;
  /** Parts that may end by themselves while this is in it: their supervisor starts them again. */
  mayEnd: Set<PartName>;
}

export interface SoakFault {
  name: string;
  /** Resolves when it is over and everything runs. */
  befall(parts: SoakParts, lastsMs: number): Promise<void>;
}

const somePart = (random: Random): PartName => PARTS[random.below(PARTS.length)] as PartName;

const kill: SoakFault = {
  name: 'kill -9',
  async befall({ fleet, random }) {
    const part = somePart(random);
    await fleet.kill(part);
    await sleep(random.below(1_500));
    fleet.start(part);
  },
};

const stop: SoakFault = {
  name: 'SIGSTOP',
  async befall({ fleet, random }, lastsMs) {
    const part = somePart(random);
    fleet.signal(part, 'SIGSTOP');
    await sleep(lastsMs);
    fleet.signal(part, 'SIGCONT');
  },
};

function link(name: string, faultOf: (random: Random) => ProxyFault): SoakFault {
  return {
    name,
    async befall({ proxies, random }, lastsMs) {
      const fault = faultOf(random);
      // Both listeners or one: heartbeats may live while data does not.
      const hit = random.below(2) === 0 ? proxies : proxies.filter((_, i) => i === random.below(proxies.length));
      for (const proxy of hit) proxy.setFault(fault);
      await sleep(lastsMs);
      for (const proxy of proxies) proxy.setFault({ kind: 'pass' });
    },
  };
}

const hostileClients: SoakFault = {
  name: 'hostile clients',
  async befall({ hostile }, lastsMs) {
    await hostile?.ask('attack');
    await sleep(lastsMs);
    await hostile?.ask('pause');
  },
};

/** Writes until nothing fits any more. */
const fullDisk: SoakFault = {
  name: 'full disk',
  async befall({ fleet, mayEnd }, lastsMs) {
    const ballast = join(diskOf(fleet), BALLAST);
    mayEnd.add('edge');
    const { bavail, bsize } = statfsSync(diskOf(fleet));
    try {
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - FREE_BYTES)));
    } catch (error) {
      // The edge has written meanwhile: all the fuller.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    await sleep(lastsMs);
    rmSync(ballast);
    await sleep(1_000);
    mayEnd.delete('edge');
  },
};

/** A copy of the whole machine of the edge comes to life, ships as the edge, and is switched off; the edge is fenced meanwhile. */
const clone: SoakFault = {
  name: 'clone',
  async befall({ fleet }, lastsMs) {
    const twin = fleet.twin();
    for (const part of WRITERS) fleet.signal(part, 'SIGSTOP');
    for (const folder of ['edge', 'broker']) cpSync(join(fleet.stateDir, folder), join(twin.stateDir, folder), { recursive: true });
    for (const part of WRITERS) fleet.signal(part, 'SIGCONT');
    twin.start('edge');
    await sleep(lastsMs);
    await twin.stop();
    // What the alarm asks the operator for.
    await fleet.kill('edge');
    fleet.start('edge');
  },
};

/** What this run can suffer; the others are named with the reason. */
export function faultsFor({ hasDisk, hostile }: SoakParts, isTls: boolean): { faults: SoakFault[]; left: string[] } {
  const faults = [
    kill,
    stop,
    clone,
    link('black hole', () => ({ kind: 'swallow' })),
    link('link refused', () => ({ kind: 'refuse' })),
    link('slow link', (random) => ({ kind: 'delay', ms: 50 + random.below(400) })),
    link('link cut inside a frame', (random) => ({ kind: 'cut', afterBytes: 1 + random.below(20_000) })),
  ];
  const left: string[] = [];
  if (isTls) faults.push(link('flipped bits', (random) => ({ kind: 'flip', everyBytes: 5_000, seed: random.below(1 << 30) })));
  else left.push('flipped bits (plaintext has no checksum against them)');
  if (hostile !== undefined) faults.push(hostileClients);
  else left.push('hostile clients');
  if (hasDisk) faults.push(fullDisk);
  else left.push('full disk (needs the right to mount)');
  return { faults, left };
}

/** Gives the edge's folder a disk of its own; false where this process may not. */
export function mountDisk(fleet: Fleet): boolean {
  mkdirSync(diskOf(fleet), { recursive: true });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', diskOf(fleet)]).status === 0;
}

export function unmountDisk(fleet: Fleet): void {
  spawnSync('umount', [diskOf(fleet)]);
}

function diskOf(fleet: Fleet): string {
  return join(fleet.stateDir, 'edge');
}
