/**
 * Counts what is refused, to see that refusals back off (R11): an edge that is refused and asks again at once costs a cloud in trouble
 * more than all that goes well. Looks at requests and replies only.
 */
import { gunzipSync } from 'node:zlib';
import type { Clock } from '../../common/clock.ts';
import type { LinkRequest } from '../../common/messages.ts';
import { decodeRequest } from '../../common/wire.ts';

const MINUTE_MS = 60_000;
/**
 * A right edge doubles its waits from 0.2 s on, with full jitter, so that some ten refusals come in its first minute; a link that comes
 * and goes lets it begin anew each time. One that does not back off asks some hundreds of times.
 */
export const REFUSED_PER_MINUTE_MAX = 60;

/** How requests and replies are read. */
export interface Reads {
  /** @throws Error for what was damaged on its way */
  requestOf(request: Buffer): LinkRequest;
  replyOf(reply: Buffer): { kind?: unknown };
}

const FRAMES: Reads = {
  requestOf: (request) => decodeRequest(request),
  replyOf: (reply) => JSON.parse(gunzipSync(reply).toString()) as { kind?: unknown },
};

export class RefusalWitness {
  private readonly clock: Clock;
  private readonly reads: Reads;
  /** Times of the last refusals one after the other, by edge. */
  private readonly refusedMs = new Map<string, number[]>();
  readonly findings: string[] = [];
  mostPerMinute = 0;

  constructor(clock: Clock, reads = FRAMES) {
    this.clock = clock;
    this.reads = reads;
  }

  /** A reply that the cloud gave; whether it arrives or not, it cost the cloud the work. */
  saw(request: Buffer, reply: Buffer): void {
    const isRefused = this.reads.replyOf(reply).kind === 'refused';
    // The usual reply changes nothing, and requests are large.
    if (!isRefused && this.refusedMs.size === 0) return;
    const edge = this.edgeOfParts(request);
    if (edge === undefined) return;
    if (!isRefused) {
      this.refusedMs.delete(edge);
      return;
    }
    const nowMs = this.clock.monotonicMs();
    const times = (this.refusedMs.get(edge) ?? []).filter((atMs) => nowMs - atMs < MINUTE_MS);
    times.push(nowMs);
    this.refusedMs.set(edge, times);
    this.mostPerMinute = Math.max(this.mostPerMinute, times.length);
    if (times.length === REFUSED_PER_MINUTE_MAX + 1) this.findings.push(`${edge} was refused ${times.length} times within a minute`);
  }

  /** Undefined for what is no request for parts, also for what was damaged on its way. */
  private edgeOfParts(request: Buffer): string | undefined {
    try {
      const read = this.reads.requestOf(request);
      return read.kind === 'parts' ? read.parts.edge : undefined;
    } catch {
      return undefined;
    }
  }
}
