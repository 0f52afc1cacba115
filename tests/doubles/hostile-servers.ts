/** Peers of an SP dialler that mean no good, by name. Bytes written by hand. */
import { createServer, type Socket } from 'node:net';
import { systemClock } from '../../common/clock.ts';
import { freePort } from './free-port.ts';

export interface HostileServer {
  name: string;
  /** Called for each request. */
  answer(socket: Socket, id: Buffer): void;
  /** Instead of a right hello. */
  hello?: Buffer;
}

const HELLO = Buffer.from('0053500000310000', 'hex');

export const HOSTILE_SERVERS: readonly HostileServer[] = [
  { name: 'never says hello', hello: Buffer.alloc(0), answer: () => {} },
  { name: 'is a REQ', hello: Buffer.from('0053500000300000', 'hex'), answer: () => {} },
  { name: 'speaks HTTP', hello: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), answer: () => {} },
  { name: 'never answers', answer: () => {} },
  { name: 'claims 2^40 bytes', answer: (socket) => socket.write(lengthOf(1n << 40n)) },
  { name: 'claims 2^40 bytes with its hello', hello: Buffer.concat([HELLO, lengthOf(1n << 40n)]), answer: () => {} },
  { name: 'claims 2^64 - 8 bytes', answer: (socket) => socket.write(lengthOf((1n << 64n) - 8n)) },
  { name: 'claims one byte above the limit', answer: (socket) => socket.write(lengthOf(BigInt((1 << 20) + 33))) },
  { name: 'answers 2 MiB', answer: (socket, id) => socket.write(frame(id, Buffer.alloc(2 << 20))) },
  { name: 'answers an empty frame', answer: (socket) => socket.write(frame()) },
  { name: 'answers three bytes', answer: (socket) => socket.write(frame(Buffer.from([0x80, 1, 2]))) },
  { name: 'answers without an id', answer: (socket) => socket.write(frame(Buffer.alloc(100))) },
  { name: 'answers another request', answer: (socket, id) => socket.write(frame(otherThan(id), Buffer.alloc(100, 0x41))) },
  {
    name: 'answers a hundred other requests',
    answer: (socket, id) => {
      for (let i = 0; i < 100; i++) socket.write(frame(otherThan(id), Buffer.alloc(1_000, i)));
    },
  },
  { name: 'goes after a length', answer: (socket) => socket.end(lengthOf(1_000n)) },
  { name: 'goes inside a body', answer: (socket, id) => socket.end(frame(id, Buffer.alloc(1_000)).subarray(0, 400)) },
  { name: 'goes after each request', answer: (socket) => socket.end() },
  { name: 'resets after each request', answer: (socket) => socket.resetAndDestroy() },
  { name: 'answers garbage', answer: (socket) => socket.write(Buffer.alloc(500, 0xee)) },
];

/** Answers its requests rightly, and once more when the first answer has been taken, with a body that is no small one. */
export const ANSWERS_TWICE: HostileServer = {
  name: 'answers twice',
  answer: (socket, id) => {
    const reply = frame(id, Buffer.alloc(100, 0x42));
    socket.write(reply);
    systemClock.timer('second reply', 30, () => socket.write(reply));
  },
};

export async function startHostileServer(kind: HostileServer) {
  const sockets = new Set<Socket>();
  let hellos = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.write(kind.hello ?? HELLO);
    let arrived = Buffer.alloc(0);
    let isGreeted = false;
    socket.on('data', (chunk: Buffer) => {
      arrived = Buffer.concat([arrived, chunk]);
      if (!isGreeted && arrived.length >= 8) {
        isGreeted = true;
        hellos++;
        arrived = arrived.subarray(8);
      }
      while (isGreeted && arrived.length >= 12) {
        const bytes = Number(arrived.readBigUInt64BE(0));
        if (arrived.length < 8 + bytes) return;
        const id = arrived.subarray(8, 12);
        arrived = arrived.subarray(8 + bytes);
        kind.answer(socket, id);
      }
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    helloCount: () => hellos,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function otherThan(id: Buffer): Buffer {
  const other = Buffer.from(id);
  other[3] = other[3]! ^ 1;
  return other;
}

function frame(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([lengthOf(BigInt(body.length)), body]);
}

function lengthOf(bytes: bigint): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(bytes);
  return length;
}
