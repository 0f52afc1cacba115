/**
 * How long is a lost link not seen? By the edge: until it says that the cloud does not answer. By the cloud: until its API calls the
 * edge silent. The link is lost at random moments between heartbeats, in turn by a black hole and by resets, with the
 * times that hold by default.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EdgesReply } from '../cloud/server/api/api-types.ts';
import { SETTINGS } from '../common/settings.ts';
import { seededRandom } from '../common/random.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { type ProxyFault, startFaultyProxy } from '../tests/doubles/faulty-proxy.ts';
import { DEFAULT_TIMES } from './default-times.ts';
import { type Figure, median, type Question } from './question.ts';
import { sleep } from './started-run.ts';

/** The edge asks, so it can know soon. */
const EDGE_SECONDS_MAX = 5;
/** The cloud waits to be called: it promises to notice silence within three windows. */
const CLOUD_SECONDS_MAX = 15;
const TRIES = 12;
const LOOK_MS = 20;
const DEADLINE_MS = 60_000;
const FAULTS: readonly ProxyFault[] = [{ kind: 'swallow' }, { kind: 'refuse' }];
/** What the edge says once when a heartbeat was not answered. */
const LOST = /the cloud does not answer/;
/** Heartbeats in which the edge finds its way back before the next loss. */
const QUIET_MS = 1_000;

export const lostLink: Question = {
  name: 'lost-link',
  asks: `seconds until a lost link is seen, ${TRIES} losses at random moments`,
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const fleet = new Fleet({ dataDir: folder, sets: DEFAULT_TIMES });
    const { heartbeatPort, dataPort, httpPort } = await fleet.open();
    const proxies = [await startFaultyProxy({ targetPort: heartbeatPort }), await startFaultyProxy({ targetPort: dataPort })] as const;
    fleet.dial({ heartbeatPort: proxies[0].port, dataPort: proxies[1].port });
    const setFault = (fault: ProxyFault) => {
      for (const proxy of proxies) proxy.setFault(fault);
    };
    const random = seededRandom(1);
    const byEdge: number[] = [];
    const byCloud: number[] = [];
    try {
      fleet.start('cloud');
      fleet.start('edge');
      for (let attempt = 0; attempt < TRIES; attempt++) {
        await until('the cloud hears the edge', async () => (await edgeState(httpPort)) === 'live');
        await sleep(QUIET_MS + random.next() * Number(SETTINGS.link.heartbeat_seconds.default) * 1_000);
        const losses = timesLost(fleet);
        const startMs = performance.now();
        setFault(FAULTS[attempt % FAULTS.length] as ProxyFault);
        const seen = (what: string, isSo: () => Promise<boolean>) => until(what, isSo).then((atMs) => (atMs - startMs) / 1_000);
        const [edge, cloud] = await Promise.all([
          seen('the edge says that the cloud does not answer', async () => timesLost(fleet) > losses),
          seen('the cloud says that the edge is silent', async () => (await edgeState(httpPort)) === 'silent'),
        ]);
        say(`${FAULTS[attempt % FAULTS.length]?.kind}: edge ${edge.toFixed(2)} s, cloud ${cloud.toFixed(2)} s`);
        byEdge.push(edge);
        byCloud.push(cloud);
        setFault({ kind: 'pass' });
      }
      return [...figuresOf('edge', byEdge, EDGE_SECONDS_MAX), ...figuresOf('cloud', byCloud, CLOUD_SECONDS_MAX)];
    } finally {
      await fleet.stop();
      for (const proxy of proxies) await proxy.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

function figuresOf(who: string, seconds: readonly number[], limit: number): Figure[] {
  return [
    { what: `${who} sees it, longest`, value: Math.max(...seconds), unit: 's', promise: { is: '≤', limit } },
    { what: `${who} sees it, median`, value: median(seconds), unit: 's' },
  ];
}

function timesLost(fleet: Fleet): number {
  return fleet.logOf('edge').filter((line) => LOST.test(line)).length;
}

async function edgeState(httpPort: number): Promise<'live' | 'silent' | undefined> {
  try {
    const reply = (await (await fetch(`http://127.0.0.1:${httpPort}/api/v1/edges`)).json()) as EdgesReply;
    return reply.edges[0]?.state;
  } catch {
    return undefined;
  }
}

/** @returns monotonic ms when it was so */
async function until(what: string, isSo: () => Promise<boolean>): Promise<number> {
  const untilMs = performance.now() + DEADLINE_MS;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`not reached: ${what}`);
    await sleep(LOOK_MS);
  }
  return performance.now();
}
