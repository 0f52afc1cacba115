/** Links and brokers that do as the one behind them, but for one thing. */
import type { Broker } from '../../common/broker/broker.ts';
import { POWER_TOPIC } from '../../common/broker/broker.ts';
import type { LinkClient } from '../../common/link/link.ts';
import { linkTimeout } from '../../common/link/link-errors.ts';
import type { LinkReply } from '../../common/messages.ts';
import { ForwardingLink } from '../doubles/forwarding-link.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest } from '../../common/wire.ts';

/** Tells the edge that all is stored as soon as it is sent. */
export class AckOnSend extends ForwardingLink {
  override async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const request = decodeRequest(payload);
    if (request.kind !== 'parts') return this.link.request(payload, deadlineMs);
    void this.link.request(payload, deadlineMs).catch(() => undefined);
    const { startId, rows } = request.parts;
    return encodeReply({ kind: 'parts', startId, verdicts: rows.map(() => ({ verdict: 'stored' })), postalCodes: {}, generations: {} });
  }
}

/** Says that a request went well when no answer to it came. */
export class AckOnTimeout extends ForwardingLink {
  override async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    try {
      return await this.link.request(payload, deadlineMs);
    } catch (error) {
      const request = decodeRequest(payload);
      if (request.kind !== 'parts') throw error;
      const { startId, rows } = request.parts;
      return encodeReply({ kind: 'parts', startId, verdicts: rows.map(() => ({ verdict: 'stored' })), postalCodes: {}, generations: {} });
    }
  }
}

/** Gives a request whatever reply comes next, if it is as long: nobody looks at which request it answers. */
export class AnyReply extends ForwardingLink {
  private last: LinkReply | undefined;

  override async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const request = decodeRequest(payload);
    if (request.kind !== 'parts') return this.link.request(payload, deadlineMs);
    try {
      const reply = await this.link.request(payload, deadlineMs);
      this.last = decodeReply(reply);
      return reply;
    } catch (error) {
      const { last } = this;
      if (last?.kind !== 'parts' || last.startId !== request.parts.startId) throw error;
      const verdicts = request.parts.rows.map((_, i) => last.verdicts[i % last.verdicts.length] ?? { verdict: 'stored' as const });
      return encodeReply({ ...last, verdicts });
    }
  }
}

/** Takes a refusal for a lost request, which is tried again soon, again and again. */
export class RefusalAsLoss extends ForwardingLink {
  override async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const reply = await this.link.request(payload, deadlineMs);
    if (decodeReply(reply).kind === 'refused') throw linkTimeout(0);
    return reply;
  }
}

/** Hides from an edge that another process answers, and from that one that it was not asked for. */
export class RestartsUnseen extends ForwardingLink {
  /** Of the cloud that the edge believes to speak to, and of the one that answers: all links of one life know it. */
  private static readonly believed = new WeakMap<object, { first: string; now: string }>();
  private readonly life: object;

  /** @param life the same object for all links of one life of an edge */
  constructor(link: LinkClient, life: object) {
    super(link);
    this.life = life;
  }

  override async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const ids = RestartsUnseen.believed.get(this.life);
    const reply = decodeReply(await this.link.request(ids === undefined ? payload : toStart(payload, ids.now), deadlineMs));
    if (reply.kind === 'refused') return encodeReply(reply);
    const first = RestartsUnseen.believed.get(this.life)?.first ?? reply.startId;
    RestartsUnseen.believed.set(this.life, { first, now: reply.startId });
    if (reply.kind !== 'hello_first') return encodeReply({ ...reply, startId: first });
    return this.request(payload, deadlineMs);
  }
}

/** The request as one to that start of the cloud. */
function toStart(payload: Buffer, startId: string): Buffer {
  const request = decodeRequest(payload);
  if (request.kind === 'parts') return encodeRequest({ kind: 'parts', parts: { ...request.parts, startId } });
  if (request.kind === 'newest') return encodeRequest({ kind: 'newest', newest: { ...request.newest, startId } });
  return payload;
}

/** The log is empty for whoever searches it. */
export function searchFindsNothing(broker: Broker): Broker {
  return wrong(broker, { read: async () => [] });
}

/** Commits the end of the log: all that was delivered, stored or not. */
export function commitsTheEnd(broker: Broker): Broker {
  return wrong(broker, {
    commit: async (topic, group, offsets) => {
      const ends = await Promise.all(
        offsets.map(async ({ partition }) => ({ partition, offset: (await broker.logState(topic, partition)).endOffset })),
      );
      return broker.commit(topic, group, topic === POWER_TOPIC ? ends : offsets);
    },
  });
}

function wrong(broker: Broker, instead: Partial<Broker>): Broker {
  return new Proxy(broker, {
    get: (its, key) => {
      const value = Reflect.get(instead, key) ?? Reflect.get(its, key, its);
      return typeof value === 'function' ? value.bind(its) : value;
    },
  });
}
