/** The faults of a storm, drawn by its seed: what each does, and what ends it again. */
import { FAILPOINTS, type Failpoint } from '../../common/failpoints.ts';
import type { Random } from '../../common/random.ts';
import type { Death } from './life.ts';
import type { StormCloud } from './storm-cloud.ts';
import { type Fault, FAULTS, type StormPlan } from './storm-plan.ts';
import type { StormSite } from './storm-site.ts';
import type { Weather } from './storm-weather.ts';

const TROUBLE_MS_MAX = 10_000;
/** Longer than the edges' deadlines, and than the time after which an edge is told to be silent. */
const STOPPED_MS_MAX = 40_000;
const FULL_MS_MAX = 60_000;
const FAILPOINT_TIMES_MAX = 6;
const FAVOURITE_ABOVE = 0.7;
/** A life touches something outside some hundred times a minute; half of those that die so die within the first 90. */
const TOUCHES_MAX = 8_000;

/** What a fault is done to. */
export interface Struck {
  plan: StormPlan;
  cloud: StormCloud;
  sites: readonly StormSite[];
  /** Of each site, in their order. */
  weathers: readonly Weather[];
  stopCloud: () => void;
  goOnCloud: () => void;
  setClock: (ms: number) => void;
  /** Calls back after so long. */
  later: (ms: number, end: () => void) => void;
}

/** Draws a fault and does it. @returns what was done, undefined when there was nothing to do it to */
export function strike(struck: Struck, random: Random): string | undefined {
  const fault = drawFault(struck.plan, random);
  const at = random.below(struck.sites.length);
  const site = struck.sites[at] as StormSite;
  const done = strikeCloud(fault, struck, random) ?? strikeSite(fault, site, random) ?? strikeWeather(fault, struck, at, random);
  if (done === undefined) throw new Error(`nobody knows the fault ${fault}`);
  return done === true ? fault : done === false ? undefined : done;
}

/** Undefined when the fault is none of these; false when there was nothing to do it to. */
type Done = string | boolean | undefined;

function strikeCloud(fault: Fault, { cloud, stopCloud, goOnCloud, later }: Struck, random: Random): Done {
  switch (fault) {
    case 'cloud killed':
      cloud.kill();
      return true;
    case 'cloud without power':
      cloud.cutPower();
      return true;
    case 'cloud stopped':
      stopCloud();
      later(random.next() * STOPPED_MS_MAX, goOnCloud);
      return true;
    case 'cloud disk full':
      cloud.setFull(true);
      later(random.next() * FULL_MS_MAX, () => cloud.setFull(false));
      return true;
    case 'cloud backed up':
      cloud.backUp();
      return true;
    case 'cloud restored':
      if (cloud.backupCount === 0) return false;
      cloud.kill();
      cloud.restore(random.below(cloud.backupCount));
      return true;
    default:
      return undefined;
  }
}

function strikeSite(fault: Fault, site: StormSite, random: Random): Done {
  switch (fault) {
    case 'edge killed':
      site.edge.kill();
      return true;
    case 'edge without power':
      site.edge.cutPower();
      return true;
    case 'edge copied':
      return site.edge.copy();
    case 'edge set back':
      return site.setEdgeBack(random);
    case 'edge cloned':
      return site.cloneEdge(random);
    case 'edge lost':
      site.loseEdge();
      return true;
    case 'edge taken over':
      site.takeOver();
      return true;
    case 'log replaced':
      site.replaceLog();
      return true;
    case 'retention':
      site.deleteCommitted();
      return true;
    case 'retention by age':
      return site.deleteSaved();
    default:
      return undefined;
  }
}

function strikeWeather(fault: Fault, { plan, sites, weathers, setClock, later }: Struck, at: number, random: Random): Done {
  const [site, weather] = [sites[at] as StormSite, weathers[at] as Weather];
  switch (fault) {
    case 'link black-holed':
      return blackHole(random, weather, plan, later);
    case 'broker in trouble':
      weather.isBrokerInTrouble = true;
      site.breakConnections();
      later(random.next() * TROUBLE_MS_MAX, () => (weather.isBrokerInTrouble = false));
      return true;
    case 'edge disk full': {
      const { edge } = site;
      edge.setFull(true);
      later(random.next() * FULL_MS_MAX, () => edge.setFull(false));
      return true;
    }
    case 'clock set':
      setClock((random.next() - 0.5) * 200_000_000);
      return true;
    default:
      return undefined;
  }
}

function drawFault(plan: StormPlan, random: Random): Fault {
  const weights = FAULTS.map((fault) => plan.weights[fault] ?? 0);
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) if ((left -= weight) < 0) return FAULTS[i] as Fault;
  return FAULTS[0];
}

function blackHole(random: Random, weather: Weather, { blackHoleMsMax }: StormPlan, later: Struck['later']): string {
  const sets = [['data requests'], ['data replies'], ['heartbeats'], ['data requests', 'data replies', 'heartbeats']] as const;
  const ways = sets[random.below(sets.length)] as (typeof sets)[number];
  for (const way of ways) weather.blackHoles.add(way);
  later(random.next() * blackHoleMsMax, () => {
    for (const way of ways) weather.blackHoles.delete(way);
  });
  return `black hole: ${ways.join(', ')}`;
}

/** The failpoints of a storm's two parts. */
export const STORM_FAILPOINTS = FAILPOINTS.filter((name) => name.startsWith('edge_') || name.startsWith('cloud_'));

/** What each part touches outside of itself: each is a place to die at, before it and after it. */
export const STORM_TOUCHES = {
  edge: [
    ...['ensureTopic', 'partitionCount', 'logState', 'append', 'consume', 'read', 'commit'].map((call) => `broker.${call}`),
    'link.request',
    'heartbeats.request',
    'outbox.exclusive',
    'outbox.commit',
    'clock.sleep',
  ],
  cloud: ['store.hello', 'store.append'],
} as const;

/**
 * Where a life ends by itself, if it is to: at a failpoint, any, or now and then the one that this seed is for; or at any touch of
 * something outside.
 */
export function drawDeath(plan: StormPlan, random: Random, part: 'edge' | 'cloud'): Death | undefined {
  const names = STORM_FAILPOINTS.filter((name) => name.startsWith(`${part}_`));
  const [odds, name, times] = [random.next(), names[random.below(names.length)] as Failpoint, 1 + random.below(FAILPOINT_TIMES_MAX)];
  const [touchOdds, nth, isNamed] = [random.next(), Math.floor(TOUCHES_MAX ** random.next()), random.next() < 0.6];
  const touch = `${STORM_TOUCHES[part][random.below(STORM_TOUCHES[part].length)]}, ${random.next() < 0.5 ? 'before' : 'after'}`;
  if (odds < plan.failpointOdds) return { kind: 'failpoint', name, times };
  if (touchOdds < plan.touchOdds) return isNamed ? { kind: 'touch', name: touch, nth: times } : { kind: 'touch', nth };
  const favourite = STORM_FAILPOINTS[(plan.seed * 8 + Math.floor(plan.seed / 7)) % STORM_FAILPOINTS.length] as Failpoint;
  if (odds <= FAVOURITE_ABOVE || !favourite.startsWith(`${part}_`)) return undefined;
  return { kind: 'failpoint', name: favourite, times: Math.ceil(times / 3) };
}
