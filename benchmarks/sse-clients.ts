/** What do two hundred open pages cost the cloud, at one update a second? */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { STREAM_CLIENTS_MAX } from '../cloud/server/api/live-sse.ts';
import { cpuSecondsOf } from './process-table.ts';
import type { Figure, Question } from './question.ts';
import { sleep } from './started-run.ts';

const SETTLE_MS = 3_000;
const WATCH_MS = 20_000;
/** One address has only a share of the streams. */
const ADDRESSES = 5;

export const sseClients: Question = {
  name: 'sse-clients',
  asks: `CPU of a cloud over ${WATCH_MS / 1_000} s, a window of 50 households a second, without and with ${STREAM_CLIENTS_MAX} streams`,
  async answer(say): Promise<Figure[]> {
    const child = fork(join(import.meta.dirname, 'sse-cloud.ts'), { execArgv: ['--import', 'tsx'] });
    const sockets: Socket[] = [];
    try {
      const [{ port }] = (await once(child, 'message')) as [{ port: number }];
      const without = await coreShare(child);
      let messages = 0;
      let bytes = 0;
      for (let i = 0; i < STREAM_CLIENTS_MAX; i++) {
        const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${1 + (i % ADDRESSES)}` });
        socket.on('error', () => {});
        socket.on('data', (piece) => {
          bytes += piece.length;
          messages += piece.toString('latin1').split('event:live').length - 1;
        });
        socket.write('GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
        sockets.push(socket);
      }
      await sleep(SETTLE_MS);
      [messages, bytes] = [0, 0];
      const withClients = await coreShare(child);
      const each = messages / STREAM_CLIENTS_MAX / (WATCH_MS / 1_000);
      say(`${Math.round(bytes / Math.max(1, messages))} bytes a message`);
      return [
        { what: 'messages to each', value: each, unit: '1/s', promise: { is: '≥', limit: 0.8 } },
        { what: 'without streams', value: without, unit: '% of a core' },
        { what: 'with streams, in all', value: withClients, unit: '% of a core', promise: { is: '≤', limit: 25 } },
      ];
    } finally {
      for (const socket of sockets) socket.destroy();
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    }
  },
};

async function coreShare({ pid }: ChildProcess): Promise<number> {
  const before = cpuSecondsOf(pid as number) ?? Number.NaN;
  const startMs = performance.now();
  await sleep(WATCH_MS);
  return (100 * ((cpuSecondsOf(pid as number) ?? Number.NaN) - before)) / ((performance.now() - startMs) / 1_000);
}
