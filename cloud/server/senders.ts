/**
 * Who speaks to the receiver, by certificate: nobody speaks for another edge, nobody gets a household of another group, and two live
 * edges with one id are told of. On plaintext (`peer.id` null) there is nothing to compare with, and only the last is seen.
 */
import type { Clock } from '../../common/clock.ts';
import type { LinkRefusals } from '../../common/link/link-refusals.ts';
import type { LinkPeer } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { HelloRequest } from '../../common/messages.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import { PARKED_REASONS } from '../../common/parked-reason.ts';
import { WireError } from '../../common/wire.ts';
import { CloneWatch } from './clone-watch.ts';

export interface SendersOptions {
  /** With certificates: what the edge may own. */
  mayOwn?: (edge: string, household: string) => boolean;
  refusals?: LinkRefusals;
  clock: Clock;
  logger: Logger;
}

export class Senders {
  private readonly options: SendersOptions;
  private readonly clones = new CloneWatch();
  private clonedRequests: Counter | undefined;

  constructor(options: SendersOptions) {
    this.options = options;
  }

  register(metrics: Metrics): void {
    this.clonedRequests = metrics.counter('fogline_edge_clones_total', 'Requests of an edge whose id another live edge has taken over.');
    this.clonedRequests.add(0);
  }

  /**
   * For every request, before anything of it is done.
   * @throws WireError when the certificate is another edge's
   */
  check(edge: string, { id, remote }: LinkPeer): void {
    if (id === null || edge === id) return;
    this.options.refusals?.add('other_edge', { edge: id, remote, named: edge });
    throw new WireError(
      `the certificate is that of edge ${id}, the request names edge ${edge}: set edge.id to ${id}, or use the right bundle`,
    );
  }

  /** R5: households of another group, and those that can't be used, are refused one by one and never reach the store. */
  hello({ unusable = [], ...request }: HelloRequest, peer: LinkPeer) {
    this.clones.hello(request);
    const foreign = this.foreign(request.households, peer);
    const refused = [...foreign].map(([household, reason]) => ({ household, reason }));
    const nameless: { at: number; reason: string }[] = [];
    for (const { at, name, isId, reason } of unusable) {
      const [edge, household] = [peer.id ?? request.edge, name];
      this.options.refusals?.add('unusable_household', { edge, remote: peer.remote, household, why: reason });
      if (isId) refused.push({ household, reason });
      else nameless.push({ at, reason });
    }
    return {
      allowed: { ...request, households: request.households.filter(({ household }) => !foreign.has(household)) },
      told: { ...(refused.length === 0 ? {} : { refused }), ...(nameless.length === 0 ? {} : { unusable: nameless }) },
    };
  }

  /** Why each of these that the peer may not own is refused; empty when it may own all. */
  foreign(ranges: Iterable<{ household: string }>, { id, remote }: LinkPeer): Map<string, string> {
    const foreign = new Map<string, string>();
    const { mayOwn, refusals } = this.options;
    if (id === null || mayOwn === undefined) return foreign;
    for (const { household } of ranges) {
      if (foreign.has(household) || mayOwn(id, household)) continue;
      refusals?.add('household', { edge: id, remote, household });
      foreign.set(household, PARKED_REASONS.say('not-allowed', { edge: id }));
    }
    return foreign;
  }

  /** R5 fences the older of two that claim to be one edge, and here somebody is told. */
  watch(request: { edge: string; claim: string }, { remote }: LinkPeer): void {
    if (!this.clones.isFenced(request)) return;
    this.clonedRequests?.add();
    if (!this.clones.mayTell(request.edge, this.options.clock.monotonicMs())) return;
    this.options.logger.error(
      { edge: request.edge, remote },
      'two live edges say they are this one: the older is fenced; stop one of them, and if nobody copied it, revoke its certificate',
    );
  }
}
