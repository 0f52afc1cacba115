/** What happens to the processes and links of a long run, and the list of all that can happen to it. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../common/random.ts';
import type { PartName } from '../tests/crash/fleet.ts';
import type { ProxyCounters, ProxyFault } from '../tests/doubles/faulty-proxy.ts';
import { isStopped } from '../tests/doubles/process-state.ts';
import { holding, lasting, type SoakFault } from './soak-parts.ts';
import { clockJump, poison } from './soak-strange-input.ts';
import {
  damagedOutbox,
  damagedPart,
  damagedSource,
  damagedStore,
  damagedTopic,
  fullDisks,
  lockedStore,
  lostLogs,
  restoredCloud,
} from './soak-store-faults.ts';
import { sleep } from './started-run.ts';

const PARTS: readonly PartName[] = ['simulate', 'edge', 'cloud'];
/** Of the edge's folders. */
const WRITERS = ['edge', 'simulate'] as const;
const FENCED = /another edge has taken it over/;

const somePart = (random: Random): PartName => PARTS[random.below(PARTS.length)] as PartName;

const kill: SoakFault = {
  name: 'kill -9',
  befall(parts, random) {
    const part = somePart(random);
    return holding(parts, [part], async () => {
      await parts.fleet.kill(part);
      const signal = await parts.fleet.exited(part);
      await sleep(random.below(1_500));
      return signal === 'SIGKILL';
    });
  },
};

const stop: SoakFault = {
  name: 'SIGSTOP',
  async befall({ fleet }, random, lastsMs) {
    const part = somePart(random);
    fleet.signal(part, 'SIGSTOP');
    const isMet = await lasting(lastsMs, () => isStopped(fleet.pidOf(part)));
    fleet.signal(part, 'SIGCONT');
    return isMet;
  },
};

function link(name: string, counter: keyof ProxyCounters, faultOf: (random: Random) => ProxyFault): SoakFault {
  return {
    name,
    async befall({ proxies }, random, lastsMs) {
      const fault = faultOf(random);
      // Both listeners or one: heartbeats may live while data does not.
      const which = random.below(4);
      const hit = which < 2 ? proxies : proxies.slice(which - 2, which - 1);
      const counted = () => hit.reduce((sum, { counters }) => sum + counters[counter], 0);
      const before = counted();
      for (const proxy of hit) proxy.setFault(fault);
      const isMet = await lasting(lastsMs, () => counted() > before);
      for (const proxy of proxies) proxy.setFault({ kind: 'pass' });
      return isMet;
    },
  };
}

const LINKS: readonly SoakFault[] = [
  link('black hole', 'swallowedBytes', () => ({ kind: 'swallow' })),
  link('half-open link: requests are lost', 'swallowedBytes', () => ({ kind: 'swallow', direction: 'to_target' })),
  link('half-open link: replies are lost', 'swallowedBytes', () => ({ kind: 'swallow', direction: 'to_client' })),
  link('link refused', 'refused', () => ({ kind: 'refuse' })),
  link('slow link', 'delayedBytes', (random) => ({ kind: 'delay', ms: 50 + random.below(400) })),
  link('link cut inside a frame', 'cuts', (random) => ({ kind: 'cut', afterBytes: 1 + random.below(20_000) })),
  link('pieces passed on twice', 'doubledChunks', (random) => ({ kind: 'double', everyChunks: 1 + random.below(5) })),
  link('flipped bits', 'flippedBits', (random) => ({ kind: 'flip', everyBytes: 5_000, seed: random.below(1 << 30) })),
];

const hostileClients: SoakFault = {
  name: 'hostile clients',
  async befall({ hostile }, _random, lastsMs) {
    const ended = async (order: 'attack' | 'report') =>
      Object.values((await hostile.ask(order)).counts).reduce((sum, count) => sum + count.ended, 0);
    const before = await ended('attack');
    const isMet = await lasting(lastsMs, async () => (await ended('report')) > before);
    await hostile.ask('pause');
    return isMet;
  },
};

/** A copy of the whole machine of the edge comes to life, ships as the edge, and is switched off; one of the two is fenced meanwhile. */
const clone: SoakFault = {
  name: 'clone',
  befall(parts, _random, lastsMs) {
    const { fleet } = parts;
    return holding(parts, ['edge'], async () => {
      const twin = fleet.twin();
      const line = fleet.loggedLines;
      for (const part of WRITERS) fleet.signal(part, 'SIGSTOP');
      for (const folder of ['edge', 'broker']) cpSync(join(fleet.stateDir, folder), join(twin.stateDir, folder), { recursive: true });
      for (const part of WRITERS) fleet.signal(part, 'SIGCONT');
      twin.start('edge');
      const isMet = await lasting(lastsMs, () => FENCED.test(fleet.loggedSince('edge', line) + twin.loggedSince('edge', 0)));
      await twin.stop();
      // What the alarm asks the operator for.
      await fleet.kill('edge');
      return isMet;
    });
  },
};

/** Each kind there is. */
export const FAULTS: readonly SoakFault[] = [
  kill,
  stop,
  clone,
  ...LINKS,
  hostileClients,
  ...fullDisks,
  lockedStore,
  restoredCloud,
  damagedOutbox,
  damagedTopic,
  damagedSource,
  damagedPart,
  damagedStore,
  ...lostLogs,
  clockJump,
  poison,
];
