/**
 * Peers of an SP listener that mean no good, by name. Each run ends when its connections are closed, by whichever side.
 * Their bytes are written by hand, not with sp-codec.ts: a common mistake would hide itself.
 */
import { connect, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { systemClock, yieldToEventLoop } from '../../common/clock.ts';
import { type Random, seededRandom } from '../../common/random.ts';

export interface HostileClient {
  name: string;
  /** The listener counts it in refusedFrames. Else it is merely odd. */
  isRefused: boolean;
  /** @param dial how it connects; in plaintext unless said */
  run(port: number, dial?: Dial): Promise<void>;
}

export type Dial = (port: number) => Socket;
type Run = HostileClient['run'];

export const HELLO = Buffer.from('0053500000300000', 'hex');
export const ID = Buffer.from('80000001', 'hex');
const MIB = 1 << 20;

/** What is sent at once; then the client waits for the end. */
function sends(...pieces: readonly Buffer[]): Run {
  return async (port, dial = dialPlainly) => {
    const socket = opened(dial(port));
    for (const piece of pieces) socket.write(piece);
    await closed(socket);
  };
}

/** What is sent at once; then the client goes, with a FIN. */
function sendsAndGoes(...pieces: readonly Buffer[]): Run {
  return async (port, dial = dialPlainly) => {
    const socket = opened(dial(port));
    for (const piece of pieces) socket.write(piece);
    socket.end();
    await closed(socket);
  };
}

export const HOSTILE_CLIENTS: readonly HostileClient[] = [
  { name: 'connects and goes', isRefused: false, run: sendsAndGoes() },
  { name: 'connects and resets', isRefused: false, run: resets() },
  { name: 'says nothing', isRefused: true, run: sends() },
  { name: 'says one byte', isRefused: true, run: sends(Buffer.from([0])) },
  { name: 'goes inside its hello', isRefused: true, run: sendsAndGoes(HELLO.subarray(0, 5)) },
  { name: 'speaks HTTP', isRefused: true, run: sends(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')) },
  { name: 'speaks TLS', isRefused: true, run: sends(Buffer.from('160301020001000001fc0303', 'hex')) },
  { name: 'is a REP', isRefused: true, run: sends(Buffer.from('0053500000310000', 'hex')) },
  { name: 'is a PUB', isRefused: true, run: sends(Buffer.from('0053500000200000', 'hex')) },
  { name: 'is of another SP version', isRefused: true, run: sends(Buffer.from('0053500100300000', 'hex')) },
  { name: 'sets the reserved bytes', isRefused: true, run: sends(Buffer.from('0053500000300001', 'hex')) },
  { name: 'says hello twice', isRefused: true, run: sends(HELLO, HELLO) },
  { name: 'goes after its hello', isRefused: false, run: sendsAndGoes(HELLO) },
  { name: 'resets after its hello', isRefused: false, run: resets(HELLO) },
  { name: 'claims 2^64 - 1 bytes', isRefused: true, run: sends(HELLO, lengthOf((1n << 64n) - 1n)) },
  { name: 'claims 2^63 bytes', isRefused: true, run: sends(HELLO, lengthOf(1n << 63n)) },
  { name: 'claims 2^40 bytes', isRefused: true, run: sends(HELLO, lengthOf(1n << 40n)) },
  { name: 'claims 2^32 + 4 bytes', isRefused: true, run: sends(HELLO, lengthOf((1n << 32n) + 4n), ID) },
  { name: 'claims one byte above the limit', isRefused: true, run: sends(HELLO, lengthOf(BigInt(MIB + 33))) },
  { name: 'sends a body one byte above the limit', isRefused: true, run: sends(HELLO, frame(ID, Buffer.alloc(MIB + 1))) },
  { name: 'goes after a length', isRefused: true, run: sendsAndGoes(HELLO, lengthOf(1_000n)) },
  { name: 'goes inside a length', isRefused: true, run: sendsAndGoes(HELLO, lengthOf(1_000n).subarray(0, 3)) },
  { name: 'goes inside a body', isRefused: true, run: sendsAndGoes(HELLO, frame(ID, Buffer.alloc(1_000)).subarray(0, 500)) },
  { name: 'resets inside a body', isRefused: true, run: resets(HELLO, frame(ID, Buffer.alloc(1_000)).subarray(0, 500)) },
  { name: 'never finishes a frame', isRefused: true, run: sends(HELLO, lengthOf(BigInt(MIB)), Buffer.alloc(1_000)) },
  { name: 'drips a frame byte by byte', isRefused: true, run: drips(Buffer.concat([HELLO, frame(ID, Buffer.alloc(1_000))])) },
  { name: 'sends an empty frame', isRefused: true, run: sends(HELLO, frame()) },
  { name: 'sends a frame of three bytes', isRefused: true, run: sends(HELLO, frame(Buffer.from([0x80, 0, 0]))) },
  { name: 'sends a stack that does not end', isRefused: true, run: sends(HELLO, frame(Buffer.alloc(4_000, 1))) },
  { name: 'sends a stack above the limit', isRefused: true, run: sends(HELLO, frame(Buffer.alloc(32, 1), ID, Buffer.from('body'))) },
  { name: 'sends a good frame, then garbage', isRefused: true, run: sends(HELLO, frame(ID, Buffer.from('good')), Buffer.alloc(16, 0xee)) },
  { name: 'goes while its request is in the handler', isRefused: false, run: sendsAndGoes(HELLO, frame(ID, Buffer.from('gone'))) },
  { name: 'resets while its request is in the handler', isRefused: false, run: resets(HELLO, frame(ID, Buffer.from('gone'))) },
  { name: 'never reads its replies', isRefused: true, run: neverReads },
];

/** Random bytes, half of the time after a right hello. */
export async function sendRandomBytes(port: number, seed: number, dial?: Dial): Promise<void> {
  const random = seededRandom(seed);
  const bytes = Buffer.from(Array.from({ length: 1 + random.below(300) }, () => random.below(256)));
  await sendsAndGoes(random.next() < 0.5 ? HELLO : Buffer.alloc(0), bytes)(port, dial);
}

/** An honest conversation with a few mistakes in it: bits flipped, bytes left out, doubled, cut off. */
export async function sendMutatedFrames(port: number, seed: number, dial?: Dial): Promise<void> {
  const random = seededRandom(seed);
  const frames = [HELLO, ...Array.from({ length: 1 + random.below(4) }, () => frame(ID, Buffer.alloc(random.below(200), 7)))];
  let bytes = Buffer.concat(frames);
  for (let i = 1 + random.below(4); i > 0; i--) bytes = mutated(bytes, random);
  await sendsAndGoes(bytes)(port, dial);
}

function mutated(bytes: Buffer, random: Random): Buffer<ArrayBuffer> {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  switch (random.below(4)) {
    case 0:
      if (copy.length > 0) copy[at] = copy[at]! ^ (1 << random.below(8));
      return copy;
    case 1:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + random.below(8))]);
    case 2:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - random.below(20)))]);
    default:
      return copy.subarray(0, at);
  }
}

/** Asks for ever and reads nothing. The listener must stop reading, and give up at last. */
async function neverReads(port: number, dial: Dial = dialPlainly): Promise<void> {
  const socket = opened(dial(port));
  socket.pause();
  socket.write(HELLO);
  const requests = Buffer.concat(Array.from({ length: 100 }, () => frame(ID, Buffer.from('large'))));
  while (!socket.destroyed) {
    if (!socket.write(requests)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed(socket)]);
    // On loopback the kernel drains at once: the listener lives in this process and must get its turn.
    await yieldToEventLoop();
  }
}

function resets(...pieces: readonly Buffer[]): Run {
  return async (port, dial = dialPlainly) => {
    const socket = opened(dial(port));
    await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), closed(socket)]);
    for (const piece of pieces) socket.write(piece);
    await systemClock.sleep(30);
    // What is inside of TLS can't be reset by itself.
    if (socket instanceof TLSSocket) socket.destroy();
    else socket.resetAndDestroy();
    await closed(socket);
  };
}

function drips(bytes: Buffer): Run {
  return async (port, dial = dialPlainly) => {
    const socket = opened(dial(port));
    for (let i = 0; i < bytes.length && !socket.destroyed; i++) {
      socket.write(bytes.subarray(i, i + 1));
      await systemClock.sleep(5);
    }
    await closed(socket);
  };
}

function dialPlainly(port: number): Socket {
  return connect(port, '127.0.0.1');
}

function opened(socket: Socket): Socket {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.resume();
  return socket;
}

function closed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

export function frame(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([lengthOf(BigInt(body.length)), body]);
}

export function lengthOf(bytes: bigint): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(bytes);
  return length;
}
