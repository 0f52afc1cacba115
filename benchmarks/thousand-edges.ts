/**
 * A thousand edges of one home each have an hour's backlog when the cloud comes back, and all dial at once: do all drain, and how
 * unevenly? Production edge servers with real sockets in this process, the cloud in its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SETTINGS } from '../common/settings.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { EdgeCrowd, unevenness } from '../tests/doubles/edge-crowd.ts';
import { rssMbMaxOf, rssMbOf } from './process-table.ts';
import { type Figure, median, type Question } from './question.ts';
import { DEFAULT_TIMES } from './default-times.ts';
import { sleep } from './started-run.ts';

const EDGES = 1_000;
/** An hour of five seconds. */
const BACKLOG_WINDOWS = 720;
/** The slowest edge may need so much of what the median needs. */
const UNEVENNESS_MAX = 3;
/** As for the whole day of 50 households. */
const CLOUD_MB_MAX = 300;
const DEADLINE_MS = 600_000;
const SAY_EVERY_MS = 5_000;

export const thousandEdges: Question = {
  name: 'thousand-edges',
  asks: `${EDGES} edges of one home with an hour's backlog, all reconnecting at once`,
  answer: (say) => crowdFigures(EDGES, say),
};

export async function crowdFigures(edges: number, say: (line: string) => void): Promise<Figure[]> {
  ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
  const fleet = new Fleet({ dataDir: folder, sets: DEFAULT_TIMES });
  const { heartbeatPort, dataPort } = await fleet.open();
  const ms = (key: 'heartbeat_seconds' | 'heartbeat_deadline_seconds' | 'data_deadline_seconds') =>
    Number(SETTINGS.link[key].default) * 1_000;
  const crowd = new EdgeCrowd({
    edges,
    heartbeatPort,
    dataPort,
    heartbeatMs: ms('heartbeat_seconds'),
    heartbeatDeadlineMs: ms('heartbeat_deadline_seconds'),
    dataDeadlineMs: ms('data_deadline_seconds'),
    seed: 1,
  });
  try {
    fleet.start('cloud');
    await crowd.start();
    await crowd.produce(1);
    await crowd.untilDrained(DEADLINE_MS);
    say('every edge has its household; the cloud goes away');
    await fleet.kill('cloud');
    await crowd.produce(BACKLOG_WINDOWS);
    await crowd.untilTakenIn(DEADLINE_MS);
    say(`${edges * BACKLOG_WINDOWS} windows wait; the cloud comes back`);
    return await drain(fleet, crowd, edges, say);
  } finally {
    await crowd.stop();
    await fleet.stop();
    rmSync(folder, { recursive: true });
  }
}

async function drain(fleet: Fleet, crowd: EdgeCrowd, edges: number, say: (line: string) => void): Promise<Figure[]> {
  crowd.connectedMs.length = 0;
  fleet.start('cloud');
  while (crowd.connectedMs.length === 0) await sleep(1);
  const startMs = crowd.connectedMs[0] as number;
  const looking = setInterval(() => {
    const mb = rssMbOf(fleet.pidOf('cloud')) ?? Number.NaN;
    say(`${crowd.ackedCount} acknowledged after ${((performance.now() - startMs) / 1_000).toFixed(0)} s, cloud ${mb.toFixed(0)} MB`);
  }, SAY_EVERY_MS);
  try {
    const seconds = (await crowd.untilDrained(DEADLINE_MS)).map((atMs) => (atMs - startMs) / 1_000);
    const [slowest, middle] = [Math.max(...seconds), median(seconds)];
    const windowsPerSecond = (edges * BACKLOG_WINDOWS) / slowest;
    return [
      { what: 'edges that drained', value: seconds.length, unit: 'edges', promise: { is: '≥', limit: edges } },
      { what: 'slowest edge', value: slowest, unit: 's' },
      { what: 'median edge', value: middle, unit: 's' },
      { what: 'slowest to median', value: unevenness(seconds), unit: '×', promise: { is: '≤', limit: UNEVENNESS_MAX } },
      { what: 'windows stored and acknowledged', value: windowsPerSecond, unit: 'windows/s' },
      { what: 'connections made in the busiest second', value: busiestSecond(crowd.connectedMs), unit: 'connections' },
      { what: 'connections made', value: crowd.connectedMs.length, unit: 'connections' },
      {
        what: 'cloud, largest memory',
        value: rssMbMaxOf(fleet.pidOf('cloud')) ?? Number.NaN,
        unit: 'MB',
        promise: { is: '≤', limit: CLOUD_MB_MAX },
      },
    ];
  } finally {
    clearInterval(looking);
  }
}

/** The most of these moments that lie within one second. */
function busiestSecond(momentsMs: readonly number[]): number {
  let most = 0;
  let first = 0;
  momentsMs.forEach((atMs, i) => {
    while (atMs - (momentsMs[first] as number) >= 1_000) first++;
    most = Math.max(most, i - first + 1);
  });
  return most;
}
