/**
 * Serves one streaming call after the other from what gives its messages: lets in who may, one place each, waits while the client does
 * not take what was written, and ends the reading of the store when the client goes, its deadline passes or the server stops. No message
 * is made before the one before was taken into the few that the transport holds.
 */
import { type handleServerStreamingCall, type Metadata, type ServerWritableStream, status } from '@grpc/grpc-js';
import type { Clock } from '../../../common/clock.ts';
import { addressGroup } from '../../../common/link/link-gate.ts';
import type { Logger } from '../../../common/logger.ts';
import type { Counter, Metrics } from '../../../common/metrics.ts';
import { Problem } from '../api/problem.ts';
import type { Tokens } from '../api/sessions.ts';
import { statusOf } from './problem-status.ts';
import type { Protos } from './protos.ts';

/** Streams at once. Each holds a few messages and, while it reads, one read of the store. */
export const GRPC_STREAMS_MAX = 100;
/** Of these, from one address. */
export const GRPC_STREAMS_PER_ADDRESS_MAX = 25;
/** A client that takes nothing for so long gives its place back; a notebook in which somebody thinks keeps it. */
export const TAKE_DEADLINE_MS = 300_000;

/** Messages for one request. Reads no further when the signal aborts or it is ended early. */
export type MessageSource<Request, Message> = (request: Request, signal: AbortSignal) => AsyncIterable<Message>;

export interface StreamCallsOptions {
  demandsToken: boolean;
  tokens: Tokens;
  protos: Protos;
  metrics: Metrics;
  clock: Clock;
  logger: Logger;
  /** Aborts when the server stops. */
  signal: AbortSignal;
}

export class StreamCalls {
  private readonly options: StreamCallsOptions;
  /** Open streams by address. */
  private readonly open = new Map<string, number>();
  private count = 0;
  private readonly calls: Counter;
  private readonly messages: Counter;

  constructor(options: StreamCallsOptions) {
    this.options = options;
    const { metrics } = options;
    metrics.gauge('fogline_grpc_streams', 'Open gRPC streams.', [], (gauge) => gauge.set(this.count));
    this.calls = metrics.counter('fogline_grpc_calls_total', 'gRPC calls ended, by method and status code.', ['method', 'code']);
    this.messages = metrics.counter('fogline_grpc_messages_total', 'gRPC messages sent, by method.', ['method']);
  }

  /** @param method for the figures, e.g. `ReadData` */
  served<Request, Message>(method: string, source: MessageSource<Request, Message>): handleServerStreamingCall<Request, Message> {
    return (call) => void this.serve(call, method, source);
  }

  private async serve<Request, Message>(
    call: ServerWritableStream<Request, Message>,
    method: string,
    source: MessageSource<Request, Message>,
  ): Promise<void> {
    const ending = this.endingOf(call);
    let leave: (() => void) | undefined;
    let code = status.OK;
    try {
      const isStillGood = this.admit(call.metadata);
      leave = this.enter(addressGroup(hostOf(call.getPeer())));
      for await (const message of source(call.request, ending.signal)) {
        if (ending.signal.aborted) break;
        if (!isStillGood()) throw new Problem(401, 'no-token', 'the token was revoked');
        this.messages.add(1, { method });
        if (!call.write(message)) await this.taken(call, ending.signal);
      }
      if (ending.signal.aborted) code = this.endEarly(call, ending.signal.reason as status);
      else call.end();
    } catch (error) {
      code = ending.signal.aborted ? this.endEarly(call, ending.signal.reason as status) : this.fail(call, method, error);
    } finally {
      ending.forget();
      leave?.();
      this.calls.add(1, { method, code: status[code] });
    }
  }

  /** Aborts with the status that the call ends with. */
  private endingOf(call: ServerWritableStream<unknown, unknown>): { signal: AbortSignal; forget: () => void } {
    const { clock, signal: stopping } = this.options;
    const ending = new AbortController();
    const stop = () => ending.abort(status.UNAVAILABLE);
    // While the client takes nothing the transport does not tell of a deadline that has passed.
    const leftMs = Number(call.getDeadline()) - clock.nowMs();
    const timer =
      leftMs < TIMER_MS_MAX ? clock.timer('grpc deadline', Math.max(0, leftMs), () => ending.abort(status.DEADLINE_EXCEEDED)) : undefined;
    call.once('cancelled', () =>
      ending.abort(leftMs < TIMER_MS_MAX && Number(call.getDeadline()) <= clock.nowMs() ? status.DEADLINE_EXCEEDED : status.CANCELLED),
    );
    if (stopping.aborted) stop();
    else stopping.addEventListener('abort', stop, { once: true });
    return {
      signal: ending.signal,
      forget: () => {
        timer?.cancel();
        stopping.removeEventListener('abort', stop);
      },
    };
  }

  /** @returns what tells whether the caller's token still holds @throws Problem 401 */
  private admit(metadata: Metadata): () => boolean {
    const { demandsToken, tokens } = this.options;
    if (!demandsToken) return () => true;
    const token = /^Bearer +(\S+)$/i.exec(String(metadata.get('authorization')[0] ?? ''))?.[1];
    const id = token === undefined ? undefined : tokens.idOf(token);
    if (id === undefined) throw new Problem(401, 'no-token', 'a token is demanded here: send the metadata "authorization: Bearer TOKEN"');
    return () => tokens.holds(id);
  }

  /** @returns what gives the place back @throws Problem 429 */
  private enter(address: string): () => void {
    const others = this.open.get(address) ?? 0;
    if (this.count >= GRPC_STREAMS_MAX || others >= GRPC_STREAMS_PER_ADDRESS_MAX) {
      const most =
        others >= GRPC_STREAMS_PER_ADDRESS_MAX
          ? `${GRPC_STREAMS_PER_ADDRESS_MAX} streams from this address`
          : `${GRPC_STREAMS_MAX} streams`;
      throw new Problem(429, 'too-many-requests', `${most} are open, which is all there may be: end some, or ask again in a while`);
    }
    this.count++;
    this.open.set(address, others + 1);
    return () => {
      this.count--;
      const left = (this.open.get(address) ?? 1) - 1;
      if (left === 0) this.open.delete(address);
      else this.open.set(address, left);
    };
  }

  /** Resolves when the client has taken what was written, or the signal came. @throws Problem 429 when it takes nothing for too long */
  private async taken(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    const stop = () => waiting.abort();
    const drained = new Promise<'drained'>((resolve) => call.once('drain', () => resolve('drained')));
    const late = this.options.clock.sleep(TAKE_DEADLINE_MS, waiting.signal).then(() => 'late' as const);
    signal.addEventListener('abort', stop, { once: true });
    const first = signal.aborted ? 'late' : await Promise.race([drained, late]);
    signal.removeEventListener('abort', stop);
    waiting.abort();
    if (first === 'late' && !signal.aborted)
      throw new Problem(429, 'too-many-requests', `nothing was taken for ${TAKE_DEADLINE_MS / 1_000} s: ask again when it can be taken`);
  }

  private endEarly(call: ServerWritableStream<unknown, unknown>, code: status): status {
    if (!call.cancelled) call.emit('error', { code, details: END_WORDS[code] ?? 'the call ended' });
    return code;
  }

  private fail(call: ServerWritableStream<unknown, unknown>, method: string, error: unknown): status {
    const { problem, reply } = statusOf(error, this.options.protos);
    if (problem.status >= 500 && problem.kind !== 'busy')
      this.options.logger.error({ err: problem.cause ?? problem, method, status: problem.status }, 'gRPC call failed');
    call.emit('error', reply);
    return reply.code;
  }
}

/** Longest delay of a timer; who gives a later deadline has none. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const END_WORDS: Readonly<Record<number, string>> = {
  [status.UNAVAILABLE]: 'the server stops; call again in a while',
  [status.DEADLINE_EXCEEDED]: 'the deadline has passed',
};

/** Peers are written `1.2.3.4:5` and `[::1]:5`. */
function hostOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
