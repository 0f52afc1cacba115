/** What a storm does to messages and broker calls: by seed, and by the faults of the moment. */
import { gunzipSync } from 'node:zlib';
import type { Random } from '../../common/random.ts';
import type { BrokerFates } from '../doubles/virtual-broker.ts';
import type { Fate, Fates } from '../doubles/virtual-link.ts';
import { throughTransport } from '../doubles/virtual-transport.ts';
import type { StormPlan } from './storm-plan.ts';

/** A late message comes long after everybody has given it up. */
const LATE_MS_MAX = 40_000;
const DAMAGED_BITS_MAX = 8;

/** What the weather of the moment does to messages and broker calls. Calm once the faults are off. */
export class Weather {
  private readonly plan: StormPlan;
  private readonly linkRandom: Random;
  private readonly brokerRandom: Random;
  isOn = true;
  /** Which ways are black-holed. */
  readonly blackHoles = new Set<'data requests' | 'data replies' | 'heartbeats'>();
  isBrokerInTrouble = false;
  /** Messages of which a bit was turned. */
  damaged = 0;

  constructor(plan: StormPlan, linkRandom: Random, brokerRandom: Random) {
    this.plan = plan;
    this.linkRandom = linkRandom;
    this.brokerRandom = brokerRandom;
  }

  private readonly transport = (way: 'request' | 'reply', sent: Buffer): Buffer | undefined => {
    if (!this.plan.isCodecOn) return sent;
    const bytes = this.plan.isChecksumOn ? sent : withoutChecksum(sent);
    const random = this.linkRandom;
    if (!this.isOn || random.next() >= this.plan.link.damagedOdds) return throughTransport(way, bytes, random);
    this.damaged++;
    const where = random.next() < 0.7 ? 'payload' : 'anywhere';
    return throughTransport(way, bytes, random, { where, bits: 1 + random.below(DAMAGED_BITS_MAX) });
  };

  readonly data: Fates = {
    request: () => this.fate(this.blackHoles.has('data requests')),
    reply: () => this.fate(this.blackHoles.has('data replies')),
    transport: this.transport,
  };

  readonly heartbeats: Fates = {
    request: () => this.fate(this.blackHoles.has('heartbeats')),
    reply: () => this.fate(false),
    transport: this.transport,
  };

  readonly broker: BrokerFates = {
    delayMs: () => (this.isOn && this.brokerRandom.next() < this.plan.broker.delayOdds ? 1 + this.brokerRandom.below(60) : 0),
    call: (kind) => {
      if (!this.isOn) return 'served';
      if (this.isBrokerInTrouble || this.brokerRandom.next() < this.plan.broker.refusedOdds) return 'refused';
      return kind === 'append' && this.brokerRandom.next() < this.plan.broker.lostOdds ? 'lost' : 'served';
    },
  };

  private fate(isBlackHole: boolean): Fate {
    if (!this.isOn) return [1];
    const { lostOdds, repeatedOdds, lateOdds, delayMs, isSteady } = this.plan.link;
    const delay = () => 1 + (isSteady ? 1 : this.linkRandom.next()) * (this.linkRandom.next() < lateOdds ? LATE_MS_MAX : delayMs);
    const lost = this.linkRandom.next() < lostOdds;
    const repeated = this.linkRandom.next() < repeatedOdds;
    const copies = [delay(), delay()];
    if (isBlackHole || lost) return [];
    return repeated ? copies : copies.slice(0, 1);
  }
}

/** As a peer sends it that does not pack: plain JSON. */
function withoutChecksum(bytes: Buffer): Buffer {
  return gunzipSync(bytes);
}
