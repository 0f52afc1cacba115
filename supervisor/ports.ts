/** Finds ports for the parts, so that a second run on the machine, or a program in the way, does not stop this one. */
import { createServer, type Server } from 'node:net';
import { ConfigError } from '../common/errors.ts';
import { type Random, randomId, seededRandom, seedOf } from '../common/random.ts';

/**
 * Where any port is looked for. From 32,768 up Linux, from 49,152 up other systems hand ports to outgoing connections: one of
 * those could be somebody's while a part of ours that was told to use it starts again.
 */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_767;
/** More taken ones in a row mean that nearly all are. */
const ATTEMPTS = 100;

export interface PortWish {
  /** The setting it is for, e.g. `cloud.http_port`. */
  name: string;
  host: string;
  /** Chosen when it is free; 0 is any free one. */
  preferred: number;
}

export interface ChosenPort extends PortWish {
  port: number;
}

/**
 * All are free at the same moment when this returns, so they differ. Somebody else may take one before the part listens; the
 * part's restart finds out.
 * @throws ConfigError when a host is not an address of this machine
 */
export async function choosePorts(wishes: readonly PortWish[]): Promise<ChosenPort[]> {
  const held: Server[] = [];
  const random = seededRandom(seedOf(randomId()));
  try {
    const chosen: ChosenPort[] = [];
    for (const wish of wishes) {
      const server = (await listenOnPreferred(wish)) ?? (await listenOnAny(wish, random));
      if (server === undefined)
        throw new ConfigError(`no free port on ${wish.host} for ${wish.name}`, 'end a program that holds many ports');
      held.push(server);
      const address = server.address();
      chosen.push({ ...wish, port: typeof address === 'object' && address !== null ? address.port : wish.preferred });
    }
    return chosen;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function listenOnPreferred(wish: PortWish): Promise<Server | undefined> {
  return wish.preferred === 0 ? undefined : listen(wish, wish.preferred);
}

async function listenOnAny(wish: PortWish, random: Random): Promise<Server | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = await listen(wish, LOWEST_PORT + random.below(HIGHEST_PORT - LOWEST_PORT + 1));
    if (server !== undefined) return server;
  }
  return undefined;
}

/** Undefined when the port is taken. */
function listen(wish: PortWish, port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('listening', () => resolve(server));
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else
        reject(
          new ConfigError(`${wish.name}: can't listen on ${wish.host}: ${error.message}`, 'give an address of this machine', {
            cause: error,
          }),
        );
    });
    server.listen({ port, host: wish.host, exclusive: true });
  });
}

/** Ports that are not the preferred ones, for people: `5006 was taken`. */
export function takenPorts(chosen: readonly ChosenPort[]): string[] {
  return chosen.filter(({ preferred, port }) => preferred !== 0 && preferred !== port).map(({ preferred }) => `${preferred} was taken`);
}
