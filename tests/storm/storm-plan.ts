/** What a seed makes of a storm: which kinds of fault it has and how often. Everything is drawn here, so that it can be printed. */
import { type Random, seededRandom, seedOf } from '../../common/random.ts';

/** A stream of random numbers of its own for each part of a storm: a part that draws once more does not move the others. */
export function streamOf(seed: number, part: string): Random {
  return seededRandom(seedOf(`storm ${seed} ${part}`));
}

export const FAULTS = [
  'edge killed',
  'edge copied',
  'edge set back',
  'edge cloned',
  'edge lost',
  'cloud killed',
  'cloud backed up',
  'cloud restored',
  'link black-holed',
  'broker in trouble',
  'log replaced',
  'retention',
  'clock set',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface StormPlan {
  seed: number;
  /** Which promises are tried; see WORLDS. */
  world: string;
  /** Faults are on for so long. */
  faultsMs: number;
  /** Mean time between two faults. */
  betweenMs: number;
  /** Relative odds. */
  weights: Partial<Record<Fault, number>>;
  /** Chance that a life ends at a failpoint. */
  failpointOdds: number;
  link: { lostOdds: number; repeatedOdds: number; lateOdds: number; delayMs: number };
  broker: { refusedOdds: number; lostOdds: number; delayOdds: number };
  cloudDelayOdds: number;
  quotaBytes: number;
  keepMs: number;
  idleCloseMs: number;
  spanMs: number;
  speed: number;
  partitions: number;
  /** Of two produces that change places. */
  outOfTurnOdds: number;
}

const ALWAYS = { 'edge killed': 4, 'cloud killed': 3, 'link black-holed': 3, 'broker in trouble': 2 } as const;

interface World {
  weights: Partial<Record<Fault, number>>;
  /** Acked rows may be kept for seconds only. */
  shortKeep: boolean;
  /** The outbox may be small. */
  smallQuota: boolean;
}

/**
 * No storm may lose what by the rules nothing holds any more. Where the log is cut off at the committed offset, the cloud is not set back,
 * or the edge keeps all that it sent.
 */
const WORLDS: Readonly<Record<string, World>> = {
  'link and crashes': { weights: {}, shortKeep: false, smallQuota: true },
  'nothing is kept twice': { weights: { retention: 4 }, shortKeep: true, smallQuota: true },
  'the edge forgets': {
    weights: { 'edge copied': 4, 'edge set back': 3, 'edge cloned': 2, 'edge lost': 2, retention: 4 },
    shortKeep: true,
    smallQuota: true,
  },
  'the cloud is restored from the log': {
    weights: { 'cloud backed up': 4, 'cloud restored': 3, 'clock set': 1 },
    shortKeep: true,
    smallQuota: true,
  },
  'the cloud is restored from the edge': {
    weights: { 'cloud backed up': 4, 'cloud restored': 3, retention: 3 },
    shortKeep: false,
    smallQuota: false,
  },
  'the log is replaced': { weights: { 'log replaced': 2 }, shortKeep: true, smallQuota: true },
  everything: {
    weights: {
      'edge copied': 3,
      'edge set back': 2,
      'edge cloned': 2,
      'edge lost': 1,
      'cloud backed up': 3,
      'cloud restored': 2,
      'log replaced': 1,
      'clock set': 1,
    },
    shortKeep: true,
    smallQuota: true,
  },
};
export const WORLD_NAMES = Object.keys(WORLDS);

/** An empty outbox has 14 pages; the largest fleets fill some 30. */
const SMALL_QUOTA_PAGES = [16, 17, 18, 20];
const PAGE_BYTES = 8_192;
const LARGE_QUOTA_BYTES = 64 << 20;

export function planOf(seed: number): StormPlan {
  const random = streamOf(seed, 'plan');
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const upTo = (limit: number) => random.next() * limit;
  const world = WORLD_NAMES[Math.abs(seed) % WORLD_NAMES.length] as string;
  const { weights, shortKeep, smallQuota } = WORLDS[world] as World;
  const faultsMs = 120_000 + random.below(240_000);
  const spanMs = 150_000 + random.below(200_000);
  return {
    seed,
    world,
    faultsMs,
    betweenMs: pick([3_000, 8_000, 20_000]),
    weights: { ...ALWAYS, ...weights },
    failpointOdds: pick([0, 0.3, 0.7]),
    link: { lostOdds: pick([0, 0.05, 0.25]), repeatedOdds: pick([0, 0.1]), lateOdds: pick([0, 0.02, 0.1]), delayMs: pick([5, 100, 1_500]) },
    broker: { refusedOdds: pick([0, 0.02, 0.15]), lostOdds: pick([0, 0.1, 0.3]), delayOdds: pick([0, 0.3]) },
    cloudDelayOdds: pick([0, 0.3]),
    quotaBytes: random.next() < 0.3 && smallQuota ? pick(SMALL_QUOTA_PAGES) * PAGE_BYTES : LARGE_QUOTA_BYTES,
    keepMs: shortKeep ? pick([0, 2_000, 20_000, 86_400_000]) : 86_400_000,
    idleCloseMs: pick([3_000, 60_000]),
    spanMs,
    speed: spanMs / (faultsMs * (0.4 + upTo(0.8))),
    partitions: 1 + random.below(3),
    outOfTurnOdds: pick([0, 0.03, 0.15]),
  };
}

/** For a red seed: all that was drawn. */
export function describePlan(plan: StormPlan): string {
  return JSON.stringify(plan, (_key, value: unknown) => (typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value));
}
