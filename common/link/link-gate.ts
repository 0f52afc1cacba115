/**
 * What one address and one identity may take of a TLS listener. Connections above their rate are refused before the handshake (address)
 * or right after it (identity). Requests and bytes above theirs are not refused: we read no further from the peer until time has
 * paid for what it took, so an honest edge that drains a backlog slows down and loses nothing.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '../clock.ts';
import type { RefusalReason } from './link-refusals.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

const MIB = 1 << 20;

/** How the figures were chosen: common/link/DESIGN.md. */
export const GATE_LIMITS = {
  /** A thousand edges behind one address come back at once; a handshake costs some 2 ms, so later ones take a tenth of a core. */
  addressConnections: { perSecond: 50, burst: 1_000 } as Rate,
  /** Handshakes begun by all addresses together: who is in stays answered while a thousand addresses knock. A third of a core. */
  allConnections: { perSecond: 150, burst: 4_000 } as Rate,
  /** Connections of one address in or before the handshake, or not greeted: what slow ones can hold. */
  addressUnprovedMax: 256,
  /** A link that cuts every connection is dialled some ten times a second at first, then every second. */
  identityConnections: { perSecond: 5, burst: 50 } as Rate,
  /** An edge needs one per listener; the others are predecessors that are dead and don't know it. */
  identityOpenMax: 8,
  /** What the cloud serves of the smallest: 1,800/s. The outage day of 50 households is 1,714 full requests, or 17,140 of 50 rows. */
  identityRequests: { perSecond: 1_500, burst: 3_000 } as Rate,
  /** What the cloud serves of full ones is 6 MB/s. The same day is 106 MB on the wire, or 146 of 50 rows a request. */
  identityBytes: { perSecond: 8 * MIB, burst: 32 * MIB } as Rate,
  /** Ten busy edges behind one address. */
  addressRequests: { perSecond: 15_000, burst: 30_000 } as Rate,
  addressBytes: { perSecond: 80 * MIB, burst: 320 * MIB } as Rate,
  /** Addresses and identities remembered, each; beyond it those that used least recently are forgotten. */
  rememberedMax: 10_000,
};
export type GateLimits = typeof GATE_LIMITS;

/** What a connection reports of itself, and whether it must wait. */
export interface Meter {
  arrived(bytes: number): void;
  request(): void;
  isOverdrawn(): boolean;
}

interface Account {
  connections: TokenBucket;
  requests: TokenBucket;
  bytes: TokenBucket;
}

export class LinkGate {
  private readonly clock: Clock;
  private readonly limits: GateLimits;
  private readonly addresses = new Map<string, Account>();
  private readonly identities = new Map<string, Account>();
  private readonly unproved = new Map<string, number>();
  private readonly all: TokenBucket;

  private readonly onThrottled: () => void;

  /** @param onThrottled called when a peer has to wait; no refusal */
  constructor(clock: Clock, limits: Partial<GateLimits> = {}, onThrottled: () => void = () => {}) {
    this.clock = clock;
    this.onThrottled = onThrottled;
    this.limits = { ...GATE_LIMITS, ...limits };
    this.all = new TokenBucket(this.limits.allConnections, clock.monotonicMs());
  }

  /**
   * A connection was accepted and nothing of it was read. Undefined lets it in; then `proved` must be called once. What all addresses take
   * together is not asked yet: a connection that says nothing costs no handshake, and must take no honest edge's place.
   */
  admitAddress(remoteAddress: string): RefusalReason | undefined {
    const address = addressGroup(remoteAddress);
    const unproved = this.unproved.get(address) ?? 0;
    if (unproved >= this.limits.addressUnprovedMax) return 'address_connections';
    if (!this.addressAccount(address).connections.take(this.clock.monotonicMs())) return 'address_rate';
    this.unproved.set(address, unproved + 1);
    return undefined;
  }

  /** The first message of an admitted connection came: TLS is about to begin. One address can't use this up, it is held by its own rate. */
  admitHandshake(): RefusalReason | undefined {
    return this.all.take(this.clock.monotonicMs()) ? undefined : 'accept_rate';
  }

  /** The connection has an identity now, or has ended. */
  proved(remoteAddress: string): void {
    const address = addressGroup(remoteAddress);
    const left = (this.unproved.get(address) ?? 0) - 1;
    if (left > 0) this.unproved.set(address, left);
    else this.unproved.delete(address);
  }

  admitIdentity(id: string): RefusalReason | undefined {
    return this.identityAccount(id).connections.take(this.clock.monotonicMs()) ? undefined : 'identity_rate';
  }

  get identityOpenMax(): number {
    return this.limits.identityOpenMax;
  }

  meter(id: string, remoteAddress: string): Meter {
    const accounts = [this.identityAccount(id), this.addressAccount(addressGroup(remoteAddress))];
    const nowMs = () => this.clock.monotonicMs();
    let isWaiting = false;
    return {
      arrived: (bytes) => accounts.forEach((account) => account.bytes.spend(bytes, nowMs())),
      request: () => accounts.forEach((account) => account.requests.spend(1, nowMs())),
      isOverdrawn: () => {
        const isOverdrawn = accounts.some(({ requests, bytes }) => requests.isOverdrawn(nowMs()) || bytes.isOverdrawn(nowMs()));
        if (isOverdrawn && !isWaiting) this.onThrottled();
        isWaiting = isOverdrawn;
        return isOverdrawn;
      },
    };
  }

  private addressAccount(address: string): Account {
    const { addressConnections, addressRequests, addressBytes } = this.limits;
    return this.account(this.addresses, address, { connections: addressConnections, requests: addressRequests, bytes: addressBytes });
  }

  private identityAccount(id: string): Account {
    const { identityConnections, identityRequests, identityBytes } = this.limits;
    return this.account(this.identities, id, { connections: identityConnections, requests: identityRequests, bytes: identityBytes });
  }

  private account(accounts: Map<string, Account>, name: string, rates: Record<keyof Account, Rate>): Account {
    const nowMs = this.clock.monotonicMs();
    const account = accounts.get(name) ?? {
      connections: new TokenBucket(rates.connections, nowMs),
      requests: new TokenBucket(rates.requests, nowMs),
      bytes: new TokenBucket(rates.bytes, nowMs),
    };
    accounts.delete(name);
    accounts.set(name, account);
    if (accounts.size > this.limits.rememberedMax) {
      const [oldest] = accounts.keys();
      if (oldest !== undefined) accounts.delete(oldest);
    }
    return account;
  }
}

/** Who is behind an address: of IPv6 the /64, which is what one subscriber gets. */
export function addressGroup(remoteAddress: string): string {
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
