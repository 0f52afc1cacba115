/** What a seed makes of a storm: which kinds of fault it has and how often. Everything is drawn here, so that it can be printed. */
import { type Random, seededRandom, seedOf } from '../../common/random.ts';
import { STORE_KINDS, type StoreKind } from './storm-stores.ts';

/** A stream of random numbers of its own for each part of a storm: a part that draws once more does not move the others. */
export function streamOf(seed: number, part: string): Random {
  return seededRandom(seedOf(`storm ${seed} ${part}`));
}

export const FAULTS = [
  'edge killed',
  'edge without power',
  'edge disk full',
  'edge copied',
  'edge set back',
  'edge cloned',
  'edge lost',
  'edge taken over',
  'cloud killed',
  'cloud without power',
  'cloud stopped',
  'cloud disk full',
  'cloud backed up',
  'cloud restored',
  'link black-holed',
  'broker in trouble',
  'log replaced',
  'retention',
  'clock set',
  'retention by age',
] as const;

export type Fault = (typeof FAULTS)[number];

/** What a storm may be given beside its seed. */
export interface StormSize {
  /** Edges, each with households and a log of its own. */
  edges?: number;
  /** Households of each edge. */
  homes?: number;
  /** Event time that the readings span; else some minutes. */
  days?: number;
  /** Event time that passes in one ms, for `days`. */
  speed?: number;
  store?: StoreKind;
  /** Nothing but outages of the link, and a reading every 5 s: for figures. */
  only?: 'outages';
  /** With `only`: nothing is laid out in bytes (message-wire.ts). */
  noCodec?: boolean;
}

export interface StormPlan {
  seed: number;
  edges: number;
  /** Households of each edge; undefined = 2 to 4. */
  homes: number | undefined;
  store: StoreKind;
  /** Which promises are tried; see WORLDS. */
  world: string;
  /** Nobody dies. */
  only: StormSize['only'];
  /** Faults are on for so long. */
  faultsMs: number;
  /** Mean time between two faults. */
  betweenMs: number;
  /** Relative odds. */
  weights: Partial<Record<Fault, number>>;
  /** Chance that a life ends at a failpoint. */
  failpointOdds: number;
  /** Chance that a life ends at any touch of something outside of it. */
  touchOdds: number;
  /** Requests of an edge that may be on their way at once, and whether the transport says that they keep their order. */
  inFlightMax: number;
  isOrdered: boolean;
  publishAverages: boolean;
  /** Messages go through the production frame codec. */
  isCodecOn: boolean;
  /** Messages go over the link as they are. */
  noCodec: boolean;
  /** Payloads carry the checksum that the production code gives them. */
  isChecksumOn: boolean;
  /** Steady: each message takes as long as the others, so that none overtakes another. */
  link: { lostOdds: number; repeatedOdds: number; lateOdds: number; damagedOdds: number; delayMs: number; isSteady: boolean };
  broker: { refusedOdds: number; lostOdds: number; delayOdds: number };
  cloudDelayOdds: number;
  quotaBytes: number;
  keepMs: number;
  idleCloseMs: number;
  spanMs: number;
  speed: number;
  /** Event time between two readings of a device; undefined = drawn. */
  everyMs: number | undefined;
  /** A link is black-holed for at most so long. */
  blackHoleMsMax: number;
  partitions: number;
  /** Of two produces that change places. */
  outOfTurnOdds: number;
}

const ALWAYS = {
  'edge killed': 3,
  'edge without power': 2,
  'edge disk full': 1,
  'cloud killed': 2,
  'cloud without power': 2,
  'cloud stopped': 1,
  'cloud disk full': 1,
  'link black-holed': 3,
  'broker in trouble': 2,
} as const;

interface World {
  weights: Partial<Record<Fault, number>>;
  /** Acked rows may be kept for seconds only. */
  shortKeep: boolean;
  /** The outbox may be small. */
  smallQuota: boolean;
}

/**
 * No storm may lose what by the rules nothing holds any more. Where the log is cut off at the committed offset, the cloud is not set back,
 * or the edge keeps all that it sent. Where it is cut off at what the edge has saved, only the edge has it, which keeps its disk.
 */
const WORLDS: Readonly<Record<string, World>> = {
  'link and crashes': { weights: {}, shortKeep: false, smallQuota: true },
  'nothing is kept twice': { weights: { retention: 2, 'retention by age': 2 }, shortKeep: true, smallQuota: true },
  'the edge forgets': {
    weights: { 'edge copied': 4, 'edge set back': 3, 'edge cloned': 2, 'edge lost': 2, 'edge taken over': 2, retention: 4 },
    shortKeep: true,
    smallQuota: true,
  },
  'the cloud is restored from the log': {
    weights: { 'cloud backed up': 4, 'cloud restored': 3, 'clock set': 1 },
    shortKeep: true,
    smallQuota: true,
  },
  'the cloud is restored from the edge': {
    // An edge without room lets go of what it sent.
    weights: { 'cloud backed up': 4, 'cloud restored': 3, retention: 3, 'edge disk full': 0 },
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
      'edge taken over': 1,
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
const DAY_MS = 86_400_000;
/** As `npm start` replays. */
const DAYS_SPEED = 60;
/** Longer than the edges' deadlines. */
const BLACK_HOLE_MS_MAX = 25_000;
const LARGE_QUOTA_BYTES = 64 << 20;

export function planOf(seed: number, size: StormSize = {}): StormPlan {
  const drawn = drawPlan(seed, size);
  return size.only === undefined ? drawn : { ...onlyOutages(drawn), noCodec: size.noCodec === true };
}

/** Two outages of some hours a day, and a link that loses a message now and then, and keeps the order that it promises. */
function onlyOutages(plan: StormPlan): StormPlan {
  const [lossy, kind] = [0.01, { refusedOdds: 0, lostOdds: 0, delayOdds: 0 }];
  return {
    ...plan,
    world: 'outages only',
    only: 'outages',
    weights: { 'link black-holed': 1 },
    betweenMs: plan.faultsMs / 3,
    blackHoleMsMax: plan.faultsMs / 3,
    failpointOdds: 0,
    touchOdds: 0,
    link: { lostOdds: lossy, repeatedOdds: lossy, lateOdds: 0, damagedOdds: 0, delayMs: 10, isSteady: true },
    broker: kind,
    cloudDelayOdds: 0,
    inFlightMax: 2,
    isOrdered: true,
    publishAverages: false,
    isCodecOn: plan.store === 'sqlite',
    quotaBytes: LARGE_QUOTA_BYTES * 16,
    keepMs: DAY_MS,
    everyMs: 5_000,
    outOfTurnOdds: 0,
    partitions: 1,
  };
}

function drawPlan(seed: number, size: StormSize): StormPlan {
  const random = streamOf(seed, 'plan');
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const upTo = (limit: number) => random.next() * limit;
  const world = WORLD_NAMES[Math.abs(seed) % WORLD_NAMES.length] as string;
  const { weights, shortKeep, smallQuota } = WORLDS[world] as World;
  const drawnFaultsMs = 120_000 + random.below(240_000);
  const drawnSpanMs = 150_000 + random.below(200_000);
  const spanMs = size.days === undefined ? drawnSpanMs : size.days * DAY_MS;
  const share = 0.4 + upTo(0.8);
  const speed = size.days === undefined ? spanMs / (drawnFaultsMs * share) : (size.speed ?? DAYS_SPEED);
  const faultsMs = size.days === undefined ? drawnFaultsMs : spanMs / speed;
  const edges = pick([1, 2, 2, 3]);
  const store = pick(STORE_KINDS);
  return {
    seed,
    edges: size.edges ?? edges,
    homes: size.homes,
    store: size.store ?? store,
    world,
    only: undefined,
    faultsMs,
    betweenMs: pick([3_000, 8_000, 20_000]),
    weights: { ...ALWAYS, ...weights },
    failpointOdds: pick([0, 0.2, 0.5]),
    touchOdds: pick([0, 0.4, 0.9]),
    inFlightMax: pick([1, 2, 2, 4]),
    isOrdered: pick([true, true, false]),
    publishAverages: pick([true, false]),
    isCodecOn: true,
    noCodec: false,
    isChecksumOn: true,
    link: {
      lostOdds: pick([0, 0.05, 0.25]),
      repeatedOdds: pick([0, 0.1]),
      lateOdds: pick([0, 0.02, 0.1]),
      damagedOdds: pick([0, 0.02, 0.2]),
      delayMs: pick([5, 100, 1_500]),
      isSteady: false,
    },
    broker: { refusedOdds: pick([0, 0.02, 0.15]), lostOdds: pick([0, 0.1, 0.3]), delayOdds: pick([0, 0.3]) },
    cloudDelayOdds: pick([0, 0.3]),
    quotaBytes: random.next() < 0.3 && smallQuota ? pick(SMALL_QUOTA_PAGES) * PAGE_BYTES : LARGE_QUOTA_BYTES,
    keepMs: shortKeep ? pick([0, 2_000, 20_000, 86_400_000]) : 86_400_000,
    idleCloseMs: pick([3_000, 60_000]),
    spanMs,
    speed,
    everyMs: undefined,
    blackHoleMsMax: BLACK_HOLE_MS_MAX,
    partitions: 1 + random.below(3),
    outOfTurnOdds: pick([0, 0.03, 0.15]),
  };
}

/** For a red seed: all that was drawn. */
export function describePlan(plan: StormPlan): string {
  return JSON.stringify(plan, (_key, value: unknown) => (typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value));
}
