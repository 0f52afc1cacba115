/**
 * `fogline health`: do the parts on this machine answer? For health checks of containers and service managers: no other program is
 * needed, and the ports are those of the same settings.
 *
 * Every part that has a port in the settings is asked for /livez. A port that nobody listens at is that of a part which does not run
 * here; one part must answer, and each that listens must answer well. Whether the cloud is reached is no part of it: an edge in an
 * outage is healthy.
 */
import { get } from 'node:http';
import type { CommandOptions } from '../common/command.ts';
import type { Config } from '../common/config.ts';
import { EXIT } from '../common/errors.ts';

/** Shorter than what a container engine gives a health check (Dockerfile), so that it says why. */
const DEADLINE_MS = 4_000;
const ANY_ADDRESS = ['0.0.0.0', '::'];
const LOOPBACK = '127.0.0.1';
const OK = 200;

export interface PartHealth {
  part: 'cloud' | 'edge' | 'simulate';
  url: string;
  /** `absent`: nobody listens there. */
  state: 'well' | 'absent' | 'unwell';
  says: string;
}

/** @returns 0 when one part answers and none answers badly, else 1 */
export async function main({ config, json }: CommandOptions): Promise<number> {
  const parts = await Promise.all(askedParts(config).map(ask));
  const isWell = parts.some(({ state }) => state === 'well') && parts.every(({ state }) => state !== 'unwell');
  if (json) process.stdout.write(`${JSON.stringify({ well: isWell, parts })}\n`);
  else process.stdout.write(parts.map(({ part, url, state, says }) => `${state}\t${part}\t${url}\t${says}\n`).join(''));
  return isWell ? EXIT.ok : EXIT.failed;
}

type Asked = Pick<PartHealth, 'part' | 'url'>;

/** Port 0 is any free one: nobody knows which. */
function askedParts({ cloud, edge, simulation }: Config): Asked[] {
  const host = ANY_ADDRESS.includes(cloud.http_host) ? LOOPBACK : cloud.http_host;
  const asked: [PartHealth['part'], string, number | null][] = [
    ['cloud', host, cloud.http_port],
    ['edge', LOOPBACK, edge.status_port],
    ['simulate', LOOPBACK, simulation.status_port],
  ];
  return asked.flatMap(([part, name, port]) =>
    port === null || port === 0 ? [] : [{ part, url: `http://${name.includes(':') ? `[${name}]` : name}:${port}/livez` }],
  );
}

function ask(asked: Asked): Promise<PartHealth> {
  return new Promise((resolve) => {
    const request = get(asked.url, { agent: false }, (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      resolve({ ...asked, state: statusCode === OK ? 'well' : 'unwell', says: `status ${statusCode}` });
    });
    request.setTimeout(DEADLINE_MS, () => request.destroy(new Error(`no answer in ${DEADLINE_MS} ms`)));
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ ...asked, state: error.code === 'ECONNREFUSED' ? 'absent' : 'unwell', says: error.message }),
    );
  });
}
