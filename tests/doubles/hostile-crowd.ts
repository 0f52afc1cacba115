/**
 * A process of its own, full of clients that mean no good, all at once and each kind in its own even pace: what they do is bounded, so
 * that it is the cloud that is tried and not the machine. Its parent says when; see hostile-process.ts.
 */
import { connect, type Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { systemClock } from '../../common/clock.ts';
import { type Random, seededRandom } from '../../common/random.ts';
import { encodeRequest } from '../../common/wire.ts';
import { type Dial, frame, HELLO, HOSTILE_CLIENTS, ID, lengthOf, sendMutatedFrames, sendRandomBytes } from './hostile-clients.ts';
import { InsideFlood } from './inside-flood.ts';
import type { HostileAnswer, HostileOptions, HostileOrder, Identity } from './hostile-process.ts';

const MIB = 1 << 20;
/** Loopback addresses that the crowd comes from. */
const ADDRESSES = 200;
/** Of one kind at once. */
const AT_ONCE_MAX = 64;
/** A client that waits for the other side to end gives up after this. */
const PATIENT_MS = 30_000;
/** Between two bytes of a slow one. */
const DRIP_MS = 100;
/** Idle sockets are opened a few at a time: all of them within five seconds. */
const IDLE_TURN_MS = 100;
const IDLE_TURNS_PER_FILL = 50;

interface Attack {
  name: string;
  everyMs: number;
  run(): Promise<void>;
}

// Others on this machine come first: in life these are many machines, and this one has to carry all of them beside the cloud.
setPriority(process.pid, constants.priority.PRIORITY_LOW);
const options = await new Promise<HostileOptions>((resolve) => process.once('message', (message) => resolve(message as HostileOptions)));
const random = seededRandom(options.seed);
const counts = new Map<string, { begun: number; ended: number }>();
const idle = new Set<Socket>();
let idleMost = 0;
let isOn = false;
let flood: InsideFlood | undefined;
let nextAddress = 0;
let nextPort = 0;

function anyAddress(): string {
  return `127.2.1.${1 + (nextAddress++ % ADDRESSES)}`;
}

/** Each listener in turn. */
function anyPort(): number {
  return options.ports[nextPort++ % options.ports.length] as number;
}

const plainly: Dial = (port) => {
  const socket = connect({ host: '127.0.0.1', port, localAddress: anyAddress() });
  socket.on('error', () => {});
  socket.setTimeout(PATIENT_MS, () => socket.destroy());
  return socket;
};

/** @param identity undefined = without a certificate */
function over(identity: Identity | undefined, more: object = {}): Dial {
  const { ca } = options;
  const own = identity === undefined ? {} : { cert: identity.certificate, key: identity.key };
  return (port) => connectTls({ socket: plainly(port), ca, rejectUnauthorized: false, ...own, ...more }).on('error', () => {});
}

/** What may send requests, until it is refused. On a plaintext link that is everybody. */
const inside: Dial = options.insider === undefined ? plainly : over(options.insider);

/** Says hello, asks, waits for a reply or the end. */
async function asks(body: Buffer): Promise<void> {
  const socket = inside(anyPort());
  socket.write(Buffer.concat([HELLO, frame(ID, body)]));
  let arrived = 0;
  socket.on('data', (chunk: Buffer) => {
    arrived += chunk.length;
    // Beyond the peer's hello a reply has begun.
    if (arrived > HELLO.length) socket.destroy();
  });
  await closed(socket);
}

function sends(dial: Dial, bytes: Buffer): Promise<void> {
  const socket = dial(anyPort());
  socket.resume();
  socket.write(bytes);
  return closed(socket);
}

async function sendsAndGoes(dial: Dial, bytes: Buffer): Promise<void> {
  const socket = dial(anyPort());
  socket.resume();
  socket.end(bytes);
  await closed(socket);
}

async function drips(dial: Dial, bytes: Buffer): Promise<void> {
  const socket = dial(anyPort());
  socket.resume();
  for (let i = 0; i < bytes.length && isOn && !socket.destroyed; i++) {
    socket.write(bytes.subarray(i, i + 1));
    await systemClock.sleep(DRIP_MS);
  }
  socket.destroy();
  await closed(socket);
}

function closed(socket: Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));
}

/** A record that says to be the first of a TLS handshake. */
function tlsRecord(body: Buffer): Buffer {
  const head = Buffer.from([0x16, 0x03, 0x01, 0, 0]);
  head.writeUInt16BE(body.length, 3);
  return Buffer.concat([head, body]);
}

function bytesOf(its: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => its.below(256)));
}

/** Whoever can reach the port. */
function strangers(): Attack[] {
  const { recorded } = options;
  const malformed = HOSTILE_CLIENTS.filter(({ name }) => !/drips|never reads|says nothing|never finishes/.test(name));
  let turn = 0;
  const attacks: Attack[] = [
    { name: 'random bytes', everyMs: 200, run: () => sendRandomBytes(anyPort(), random.below(1 << 30), plainly) },
    { name: 'frames with mistakes', everyMs: 200, run: () => sendMutatedFrames(anyPort(), random.below(1 << 30), plainly) },
    { name: 'malformed SP', everyMs: 200, run: () => malformed[turn++ % malformed.length]!.run(anyPort(), plainly) },
    { name: 'TLS garbage', everyMs: 200, run: () => sends(plainly, tlsRecord(bytesOf(random, 1 + random.below(400)))) },
    { name: 'half a TLS record', everyMs: 400, run: () => sendsAndGoes(plainly, tlsRecord(bytesOf(random, 200)).subarray(0, 100)) },
    { name: 'header, then close', everyMs: 200, run: () => sendsAndGoes(plainly, HELLO) },
    { name: 'huge length', everyMs: 400, run: () => sends(plainly, Buffer.concat([HELLO, lengthOf((1n << 62n) + 5n)])) },
    {
      name: 'slow-loris',
      everyMs: 800,
      run: () => drips(plainly, tlsRecord(Buffer.concat([Buffer.from([1, 0, 1, 0x80]), Buffer.alloc(400)]))),
    },
  ];
  // Bytes of an honest edge, as somebody on the way has seen them.
  if (recorded.length > 0) {
    const replay = () => sends(plainly, Buffer.from(recorded[turn++ % recorded.length] as string, 'base64'));
    attacks.push({ name: 'recorded bytes', everyMs: 400, run: replay });
  }
  return attacks;
}

function wrongCertificates(): Attack[] {
  if (options.insider === undefined) return [];
  const greets = (dial: Dial) => () => sends(dial, HELLO);
  const attacks = options.wrong.map(({ name, identity }) => ({ name, everyMs: 500, run: greets(over(identity ?? undefined)) }));
  attacks.push({ name: 'an older TLS', everyMs: 1_000, run: greets(over(options.insider, { maxVersion: 'TLSv1.2' })) });
  return attacks;
}

/** Whoever has a certificate of ours and should not be trusted all the same. */
function insiders(): Attack[] {
  let turn = 0;
  const bomb = gzipSync(Buffer.alloc(64 * MIB, 0x20));
  const deep = Buffer.from('['.repeat(MIB - 64));
  const deepObject = gzipSync(Buffer.from(`{"v":1,"kind":"hello","edge":${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}}`));
  const malformed = HOSTILE_CLIENTS.filter(({ name }) => /claims|body|frame|stack|hello twice/.test(name) && !/drips|never/.test(name));
  const { insiderEdge, insiderHome, victims, payloads } = options;
  const hello = (edge: string, household: string) =>
    encodeRequest({
      kind: 'hello',
      hello: { edge, epoch: 'e', claim: `c-${turn++}`, windowMs: 5_000, households: [{ household, generation: turn }] },
    });
  const attacks: Attack[] = [
    { name: 'gzip bomb', everyMs: 1_000, run: () => asks(bomb) },
    { name: 'deep JSON', everyMs: 1_000, run: () => asks(turn++ % 2 === 0 ? deep : deepObject) },
    { name: 'malformed SP, inside', everyMs: 1_000, run: () => malformed[turn++ % malformed.length]!.run(anyPort(), inside) },
    { name: 'random bytes, inside', everyMs: 1_000, run: () => sendRandomBytes(anyPort(), random.below(1 << 30), inside) },
  ];
  if (options.insider === undefined) return attacks;
  attacks.push(
    { name: 'a household it may not own', everyMs: 1_000, run: () => asks(hello(insiderEdge, insiderHome)) },
    { name: "an honest edge's household", everyMs: 1_000, run: () => asks(hello(insiderEdge, victims[turn % victims.length] as string)) },
    { name: "an honest edge's name", everyMs: 1_000, run: () => asks(hello(options.victimEdge, victims[turn % victims.length] as string)) },
  );
  if (payloads.length > 0) {
    const replay = () => asks(Buffer.from(payloads[turn++ % payloads.length] as string, 'base64'));
    attacks.push({ name: 'replayed frames', everyMs: 500, run: replay });
  }
  return attacks;
}

async function keepUp(attack: Attack): Promise<void> {
  const count = { begun: 0, ended: 0 };
  counts.set(attack.name, count);
  for (;;) {
    await systemClock.sleep(attack.everyMs * (0.5 + random.next()));
    if (!isOn || count.begun - count.ended >= AT_ONCE_MAX) continue;
    count.begun++;
    void attack.run().finally(() => count.ended++);
  }
}

/** Keeps so many sockets open that say nothing; those that the cloud ends are dialled again. */
async function keepIdle(): Promise<void> {
  const count = { begun: 0, ended: 0 };
  counts.set('idle sockets', count);
  for (;;) {
    await systemClock.sleep(IDLE_TURN_MS);
    if (!isOn) continue;
    const wanted = Math.min(options.idleSockets - idle.size, Math.ceil(options.idleSockets / IDLE_TURNS_PER_FILL));
    for (let i = 0; i < wanted; i++) {
      const socket = connect({ host: '127.0.0.1', port: anyPort(), localAddress: anyAddress() });
      idle.add(socket);
      idleMost = Math.max(idleMost, idle.size);
      count.begun++;
      socket.on('error', () => {});
      socket.once('close', () => {
        idle.delete(socket);
        count.ended++;
      });
    }
  }
}

/** At the port for data, which is the first. */
async function startFlood(): Promise<void> {
  const { flooder, ports } = options;
  if (flooder === undefined) throw new Error('nobody was named for a flood');
  flood = new InsideFlood(flooder.edge, ports[0] as number, over(flooder.identity));
  await flood.start();
}

async function obey(order: HostileOrder): Promise<HostileAnswer> {
  if (order === 'flood') await startFlood();
  else if (order === 'pause') await flood?.stop();

  isOn = order === 'attack' || (isOn && order === 'report');
  if (order === 'pause') for (const socket of idle) socket.destroy();
  const { user, system } = process.cpuUsage();
  const { servedMs = [], turnedAway = 0 } = flood ?? {};
  const its = { counts: Object.fromEntries(counts), idleSocketsMost: idleMost, cpuSeconds: (user + system) / 1e6 };
  return { ...its, flood: { servedMs, turnedAway } };
}

process.on('message', (order: HostileOrder) => void obey(order).then((answer) => process.send?.(answer)));
process.on('disconnect', () => process.exit(0));
for (const attack of [...strangers(), ...wrongCertificates(), ...insiders()]) void keepUp(attack);
void keepIdle();
