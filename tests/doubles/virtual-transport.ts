/** The production codec of the link over a damaged byte stream: a message is framed, damaged, cut into pieces and read again. */
import {
  SP_PROTOCOL,
  requestStack,
  spFrame,
  spHello,
  splitReply,
  splitRequest,
  SpReader,
  SpViolation,
} from '../../common/link/sp-codec.ts';
import { SERVER_LIMITS } from '../../common/link/sp-connection.ts';
import type { Random } from '../../common/random.ts';

const REQUEST_ID = 77;
const PIECES_MAX = 4;
/** Of the 8 bytes of length: where the body's damage begins. */
const STACK_BYTES = 12;

export interface Damage {
  /** `payload` leaves length and request id alone. */
  where: 'anywhere' | 'payload';
  /** Bits flipped side by side, as a burst on a line does. */
  bits: number;
}

/**
 * What the other side's reader gives for it; undefined when the reader ends the connection, waits for more for ever, or takes the reply
 * for another request's.
 */
export function throughTransport(way: 'request' | 'reply', body: Buffer, random: Random, damage?: Damage): Buffer | undefined {
  const protocol = way === 'request' ? SP_PROTOCOL.req : SP_PROTOCOL.rep;
  const reader = new SpReader(protocol, SERVER_LIMITS.bodyBytesMax);
  const frame = Buffer.concat(spFrame(requestStack(REQUEST_ID), body));
  if (damage !== undefined) flip(frame, random, damage);
  try {
    reader.push(spHello(protocol));
    for (const piece of pieces(frame, random)) reader.push(piece);
    const read = reader.next();
    if (read === undefined) return undefined;
    if (way === 'request') return Buffer.from(splitRequest(read, SERVER_LIMITS.bodyBytesMax).body);
    const { id, body: reply } = splitReply(read);
    return id === REQUEST_ID ? Buffer.from(reply) : undefined;
  } catch (error) {
    if (error instanceof SpViolation) return undefined;
    throw error;
  }
}

function flip(frame: Buffer, random: Random, { where, bits }: Damage): void {
  const fromBit = where === 'payload' ? STACK_BYTES * 8 : 0;
  const first = fromBit + random.below(Math.max(1, frame.length * 8 - fromBit - bits));
  for (let bit = first; bit < Math.min(first + bits, frame.length * 8); bit++) {
    frame[bit >> 3] = (frame[bit >> 3] as number) ^ (1 << (bit & 7));
  }
}

function pieces(frame: Buffer, random: Random): Buffer[] {
  const all: Buffer[] = [];
  let from = 0;
  for (let n = random.below(PIECES_MAX); n > 0 && from < frame.length; n--) {
    const to = from + 1 + random.below(frame.length - from);
    all.push(frame.subarray(from, to));
    from = to;
  }
  if (from < frame.length) all.push(frame.subarray(from));
  return all;
}
