/**
 * Ports of 127.0.0.1 for servers that tests start, stop and start again at the same place. No outgoing connection ever gets one of
 * these (systems hand those out from 32,768 up), `fogline run` chooses others (supervisor/ports.ts), and a claim in a folder that all
 * test processes share keeps two of them apart while neither listens.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomId, seededRandom, seedOf } from '../../common/random.ts';

const LOWEST_PORT = 10_000;
const PORTS = 10_000;
/** Claims of killed processes stay; so many in a row mean that the folder is full of them. */
const ATTEMPTS = 1_000;
const CLAIMS = join(tmpdir(), 'fogline-test-ports');

const random = seededRandom(seedOf(randomId()));
const claimed: string[] = [];

/** A port that stays this process's until it ends. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}

/** @returns neighbours, ascending */
export async function freePorts(count: number): Promise<number[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = LOWEST_PORT + random.below(PORTS - count + 1);
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if (await allAreMine(ports)) return ports;
  }
  throw new Error(`no free port found; remove ${CLAIMS}`);
}

async function allAreMine(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!claim(port) || !(await isFree(port))) return false;
  return true;
}

function claim(port: number): boolean {
  mkdirSync(CLAIMS, { recursive: true });
  const file = join(CLAIMS, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  if (claimed.length === 0) process.on('exit', () => claimed.forEach((its) => rmSync(its, { force: true })));
  claimed.push(file);
  return true;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
