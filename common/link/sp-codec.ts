/**
 * SP over TCP: how nanomsg and NNG lay REQ and REP messages out in a byte stream (`tcp://`, and `tls+tcp://` inside TLS).
 * Pure: bytes in, frames out; no socket, no timer.
 *
 *   once, both ways   0x00 'S' 'P' 0x00 | protocol, 2 bytes | 0x00 0x00              the hello; 0x30 = REQ, 0x31 = REP
 *   then, per frame   length of what follows, 8 bytes | stack | body
 *   stack             4 bytes per device passed (top bit clear), then the request id (top bit set); a reply repeats
 *                     the stack of its request unchanged, that is what pairs them
 *
 * All numbers are big-endian. What does not happen: nothing is allocated because a peer claimed a length. Memory for an
 * unfinished frame is at most twice what has arrived, and a length above the limit is refused when its 8 bytes are there.
 */

export const SP_PROTOCOL = { req: 0x30, rep: 0x31 } as const;
export type SpProtocol = (typeof SP_PROTOCOL)[keyof typeof SP_PROTOCOL];

const HELLO_BYTES = 8;
const LENGTH_BYTES = 8;
const ID_BYTES = 4;
const HELLO_MAGIC = 0x00535000;
/** Marks the last word of a stack: the request id. */
const TOP_BIT = 0x80000000;
/** Ids are 31 bits wide. */
export const REQUEST_ID_LIMIT = TOP_BIT;
/** Seven devices between two peers: nanomsg's own default is eight hops. */
export const STACK_BYTES_MAX = 32;
/** First memory for a frame that comes in pieces; then it doubles with what arrives. */
const GATHER_BYTES_MIN = 4_096;
/** Up to this a frame is written as one piece: copying is cheaper than a second write. */
const JOIN_BYTES_MAX = 16_384;

/** The peer does not keep to the layout. The connection can't be used any more. */
export class SpViolation extends Error {
  override readonly name = 'SpViolation';
}

export function spHello(own: SpProtocol): Buffer {
  const hello = Buffer.alloc(HELLO_BYTES);
  hello.writeUInt32BE(HELLO_MAGIC, 0);
  hello.writeUInt16BE(own, 4);
  return hello;
}

/** The pieces of the frame that carries these parts (stack, body), to be written in order. */
export function spFrame(...parts: readonly Buffer[]): Buffer[] {
  const length = Buffer.alloc(LENGTH_BYTES);
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  length.writeUInt32BE(bytes, 4);
  return bytes <= JOIN_BYTES_MAX ? [Buffer.concat([length, ...parts])] : [length, ...parts];
}

/** The stack of a request that comes from us: its id alone. */
export function requestStack(id: number): Buffer {
  const stack = Buffer.allocUnsafe(ID_BYTES);
  stack.writeUInt32BE((id | TOP_BIT) >>> 0, 0);
  return stack;
}

/**
 * Cuts a request's frame into stack and body.
 * @throws SpViolation when the stack does not end, or the body is above the limit
 */
export function splitRequest(frame: Buffer, bodyBytesMax: number): { stack: Buffer; body: Buffer } {
  for (let end = ID_BYTES; end <= Math.min(frame.length, STACK_BYTES_MAX); end += ID_BYTES) {
    if (frame.readUInt32BE(end - ID_BYTES) < TOP_BIT) continue;
    const body = frame.subarray(end);
    if (body.length > bodyBytesMax) throw new SpViolation(`body of ${body.length} bytes, at most ${bodyBytesMax}`);
    return { stack: frame.subarray(0, end), body };
  }
  throw new SpViolation('request without an id');
}

/**
 * Cuts a reply's frame into the id of its request and the body.
 * @throws SpViolation
 */
export function splitReply(frame: Buffer): { id: number; body: Buffer } {
  return { id: replyId(frame), body: frame.subarray(ID_BYTES) };
}

/**
 * The id that stands first: of a reply to a request of ours, or of such a request.
 * @throws SpViolation
 */
export function replyId(frame: Buffer): number {
  const word = frame.length < ID_BYTES ? 0 : frame.readUInt32BE(0);
  if (word < TOP_BIT) throw new SpViolation('reply without an id');
  return word - TOP_BIT;
}

type Stage = 'hello' | 'length' | 'frame';

/** Reads one direction of one connection. After it threw it must not be used again. */
export class SpReader {
  private stage: Stage = 'hello';
  /** Bytes that the stage needs. */
  private needBytes = HELLO_BYTES;
  /** Arrived, not looked at. */
  private rest: Buffer = Buffer.alloc(0);
  /** The beginning of what the stage needs, when it came in pieces. */
  private gathered: Buffer = Buffer.alloc(0);
  private gatheredBytes = 0;
  private readonly peer: SpProtocol;
  private readonly frameBytesMax: number;

  /**
   * @param peer what the other side must be
   * @param frameBytesMax of stack and body together
   */
  constructor(peer: SpProtocol, frameBytesMax: number) {
    this.peer = peer;
    this.frameBytesMax = frameBytesMax;
  }

  /** Takes what arrived. The chunk must not be changed afterwards. */
  push(chunk: Buffer): void {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
  }

  /**
   * The next whole frame (stack and body), or undefined until more arrives. The hello is checked on the way.
   * @throws SpViolation
   */
  next(): Buffer | undefined {
    for (;;) {
      const bytes = this.take();
      if (bytes === undefined) return undefined;
      if (this.stage === 'frame') {
        this.expect('length', LENGTH_BYTES);
        return bytes;
      }
      if (this.stage === 'hello') {
        this.checkHello(bytes);
        this.expect('length', LENGTH_BYTES);
      } else {
        this.expect('frame', this.checkedLength(bytes));
      }
    }
  }

  /** The peer has said a right hello. */
  get isGreeted(): boolean {
    return this.stage !== 'hello';
  }

  /** A hello or a frame has begun and is not whole. Says something only after next() gave undefined. */
  get isUnfinished(): boolean {
    return this.stage === 'frame' || this.gatheredBytes > 0;
  }

  /** Memory held by the unfinished frame. */
  get unfinishedBytes(): number {
    return this.gathered.length;
  }

  private expect(stage: Stage, needBytes: number): void {
    this.stage = stage;
    this.needBytes = needBytes;
  }

  private checkHello(hello: Buffer): void {
    if (hello.readUInt32BE(0) !== HELLO_MAGIC || hello.readUInt16BE(6) !== 0) throw new SpViolation('not an SP hello');
    if (hello.readUInt16BE(4) !== this.peer) throw new SpViolation(`peer speaks SP protocol ${hello.readUInt16BE(4)}, not ${this.peer}`);
  }

  private checkedLength(length: Buffer): number {
    const high = length.readUInt32BE(0);
    const low = length.readUInt32BE(4);
    if (high !== 0 || low > this.frameBytesMax) throw new SpViolation(`frame length above ${this.frameBytesMax}`);
    return low;
  }

  /** The bytes that the stage needs, without a copy when they came in one chunk. */
  private take(): Buffer | undefined {
    if (this.gatheredBytes === 0 && this.rest.length >= this.needBytes) return this.takeRest(this.needBytes);
    const arrived = this.takeRest(Math.min(this.rest.length, this.needBytes - this.gatheredBytes));
    if (arrived.length > 0) this.gather(arrived);
    if (this.gatheredBytes < this.needBytes) return undefined;
    const whole = this.gathered.subarray(0, this.needBytes);
    this.gathered = Buffer.alloc(0);
    this.gatheredBytes = 0;
    return whole;
  }

  private takeRest(bytes: number): Buffer {
    const taken = this.rest.subarray(0, bytes);
    this.rest = this.rest.subarray(bytes);
    return taken;
  }

  private gather(arrived: Buffer): void {
    const bytes = this.gatheredBytes + arrived.length;
    if (bytes > this.gathered.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.needBytes, Math.max(GATHER_BYTES_MIN, 2 * bytes)));
      this.gathered.copy(grown, 0, 0, this.gatheredBytes);
      this.gathered = grown;
    }
    arrived.copy(this.gathered, this.gatheredBytes);
    this.gatheredBytes = bytes;
  }
}
