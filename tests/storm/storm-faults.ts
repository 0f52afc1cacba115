/** The faults of a storm, drawn by its seed: what each does, and what ends it again. */
import { FAILPOINTS, type Failpoint } from '../../common/failpoints.ts';
import type { Random } from '../../common/random.ts';
import type { BrokerFates } from '../doubles/virtual-broker.ts';
import type { Fate, Fates } from '../doubles/virtual-link.ts';
import { type Fault, FAULTS, type StormPlan } from './storm-plan.ts';

const BLACK_HOLE_MS_MAX = 25_000;
const TROUBLE_MS_MAX = 10_000;
/** A late message comes long after everybody has given it up. */
const LATE_MS_MAX = 40_000;
const FAILPOINT_TIMES_MAX = 6;
const FAVOURITE_ABOVE = 0.7;

/** What the weather of the moment does to messages and broker calls. Calm once the faults are off. */
export class Weather {
  private readonly plan: StormPlan;
  private readonly linkRandom: Random;
  private readonly brokerRandom: Random;
  isOn = true;
  /** Which ways are black-holed. */
  readonly blackHoles = new Set<'data requests' | 'data replies' | 'heartbeats'>();
  isBrokerInTrouble = false;

  constructor(plan: StormPlan, linkRandom: Random, brokerRandom: Random) {
    this.plan = plan;
    this.linkRandom = linkRandom;
    this.brokerRandom = brokerRandom;
  }

  readonly data: Fates = {
    request: () => this.fate(this.blackHoles.has('data requests')),
    reply: () => this.fate(this.blackHoles.has('data replies')),
  };

  readonly heartbeats: Fates = {
    request: () => this.fate(this.blackHoles.has('heartbeats')),
    reply: () => this.fate(false),
  };

  readonly broker: BrokerFates = {
    delayMs: () => (this.isOn && this.brokerRandom.next() < this.plan.broker.delayOdds ? 1 + this.brokerRandom.below(60) : 0),
    call: (kind) => {
      if (!this.isOn) return 'served';
      if (this.isBrokerInTrouble || this.brokerRandom.next() < this.plan.broker.refusedOdds) return 'refused';
      return kind === 'append' && this.brokerRandom.next() < this.plan.broker.lostOdds ? 'lost' : 'served';
    },
  };

  cloudDelayMs(): number {
    return this.isOn && this.linkRandom.next() < this.plan.cloudDelayOdds ? 1 + this.linkRandom.below(200) : 0;
  }

  private fate(isBlackHole: boolean): Fate {
    if (!this.isOn) return [1];
    const { lostOdds, repeatedOdds, lateOdds, delayMs } = this.plan.link;
    const delay = () => 1 + this.linkRandom.next() * (this.linkRandom.next() < lateOdds ? LATE_MS_MAX : delayMs);
    const lost = this.linkRandom.next() < lostOdds;
    const repeated = this.linkRandom.next() < repeatedOdds;
    const copies = [delay(), delay()];
    if (isBlackHole || lost) return [];
    return repeated ? copies : copies.slice(0, 1);
  }
}

/** What a fault may do to the storm. */
export interface StormActions {
  killEdge(): void;
  copyEdge(): boolean;
  setEdgeBack(random: Random): boolean;
  cloneEdge(): boolean;
  loseEdge(): void;
  killCloud(): void;
  backUpCloud(): void;
  restoreCloud(random: Random): boolean;
  /** Ends what is being consumed. */
  breakConnections(): void;
  replaceLog(): void;
  deleteCommitted(): void;
  setClock(ms: number): void;
  /** Calls back after so long, unless the faults were switched off before. */
  later(ms: number, end: () => void): void;
}

/** Draws a fault and does it. @returns what was done, undefined when there was nothing to do it to */
export function strike(plan: StormPlan, random: Random, weather: Weather, actions: StormActions): string | undefined {
  const fault = drawFault(plan, random);
  switch (fault) {
    case 'edge killed':
      actions.killEdge();
      return fault;
    case 'edge copied':
      return actions.copyEdge() ? fault : undefined;
    case 'edge set back':
      return actions.setEdgeBack(random) ? fault : undefined;
    case 'edge cloned':
      return actions.cloneEdge() ? fault : undefined;
    case 'edge lost':
      actions.loseEdge();
      return fault;
    case 'cloud killed':
      actions.killCloud();
      return fault;
    case 'cloud backed up':
      actions.backUpCloud();
      return fault;
    case 'cloud restored':
      return actions.restoreCloud(random) ? fault : undefined;
    case 'link black-holed':
      return blackHole(random, weather, actions);
    case 'broker in trouble':
      weather.isBrokerInTrouble = true;
      actions.breakConnections();
      actions.later(random.next() * TROUBLE_MS_MAX, () => (weather.isBrokerInTrouble = false));
      return fault;
    case 'log replaced':
      actions.replaceLog();
      return fault;
    case 'retention':
      actions.deleteCommitted();
      return fault;
    case 'clock set':
      actions.setClock((random.next() - 0.5) * 200_000_000);
      return fault;
  }
}

function drawFault(plan: StormPlan, random: Random): Fault {
  const weights = FAULTS.map((fault) => plan.weights[fault] ?? 0);
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) if ((left -= weight) < 0) return FAULTS[i] as Fault;
  return FAULTS[0];
}

function blackHole(random: Random, weather: Weather, actions: StormActions): string {
  const sets = [['data requests'], ['data replies'], ['heartbeats'], ['data requests', 'data replies', 'heartbeats']] as const;
  const ways = sets[random.below(sets.length)] as (typeof sets)[number];
  for (const way of ways) weather.blackHoles.add(way);
  actions.later(random.next() * BLACK_HOLE_MS_MAX, () => {
    for (const way of ways) weather.blackHoles.delete(way);
  });
  return `black hole: ${ways.join(', ')}`;
}

/** The failpoints of a storm's two parts. */
export const STORM_FAILPOINTS = FAILPOINTS.filter((name) => name.startsWith('edge_') || name.startsWith('cloud_'));

/** The failpoint at which a life ends, if it is to end at one: any, or now and then the one that this seed is for. */
export function drawFailpoint(plan: StormPlan, random: Random, part: 'edge' | 'cloud'): { name: Failpoint; times: number } | undefined {
  const names = STORM_FAILPOINTS.filter((name) => name.startsWith(`${part}_`));
  const [odds, name, times] = [random.next(), names[random.below(names.length)] as Failpoint, 1 + random.below(FAILPOINT_TIMES_MAX)];
  const favourite = STORM_FAILPOINTS[(plan.seed * 8 + Math.floor(plan.seed / 7)) % STORM_FAILPOINTS.length] as Failpoint;
  if (odds < plan.failpointOdds) return { name, times };
  return odds > FAVOURITE_ABOVE && favourite.startsWith(`${part}_`) ? { name: favourite, times: Math.ceil(times / 3) } : undefined;
}
