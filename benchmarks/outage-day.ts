/**
 * A day without the link: how long does the backlog of 50 households take to drain, and how old are the current values meanwhile? The edge
 * has the day in its outbox when the link comes back, and a simulator goes on beside it at the speed of real time. Once in plaintext, once
 * with the codec over mutual TLS. Age: from the end of the window that a household shows to the simulator's own time, so one that is just
 * closed is between 0 and 5 s old.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { HouseholdsReply } from '../cloud/server/api/api-types.ts';
import type { EdgeStatus } from '../common/messages.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { startFaultyProxy } from '../tests/doubles/faulty-proxy.ts';
import { FleetLink, type LinkKind } from '../tests/doubles/fleet-link.ts';
import { DEFAULT_TIMES } from './default-times.ts';
import { fiftyHomes, HOMES, householdFiles } from './fifty-homes.ts';
import type { Figure, Question } from './question.ts';
import { sleep } from './started-run.ts';

/** What a site on one machine has when nobody chooses, and what goes over the internet. */
const WAYS = [
  { name: 'nanomsg', kind: 'nanomsg' },
  { name: 'codec with mutual TLS', kind: 'tls' },
] as const;
/** The last stretch of the day is replayed at the speed of real time. */
const DAY_SECONDS = 86_400;
const LIVE_SECONDS = 600;
/** Households have spoken by then, and the cloud has assigned them. */
const BEFORE_SECONDS = 60;
/** Live values before the link comes back: from them the simulator's time is known. */
const LIVE_BEFORE_MS = 15_000;
/** Windows of all households that are on their way when nothing is behind: two each. */
const CURRENT_ROWS = 2 * HOMES;
const LOOK_MS = 200;
const DEADLINE_MS = 600_000;
const DRAIN_SECONDS_MAX = 60;
const AGE_SECONDS_MAX = 10;
/** The real recordings have pauses: the age of a household that pauses so long in the live stretch says nothing of the link. */
const PAUSE_MS_MAX = 5_000;

export const outageDay: Question = {
  name: 'outage-day',
  asks: `a day without the link, ${HOMES} households: seconds until the backlog is drained, and how old current values are meanwhile`,
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const figures: Figure[] = [];
    for (const { name, kind } of WAYS) {
      const its = await overWay(kind, (line) => say(`${name}: ${line}`));
      figures.push(...its.map((figure) => ({ ...figure, what: `${name}: ${figure.what}` })));
    }
    return figures;
  },
};

async function overWay(kind: LinkKind, say: (line: string) => void): Promise<Figure[]> {
  using way = await FleetLink.of(kind);
  const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
  const sets = [...DEFAULT_TIMES, ...way.sets];
  const dataDir = fiftyHomes(folder);
  const options = { dataDir, untilSeconds: BEFORE_SECONDS, sets };
  const fleet = new Fleet(options);
  const { heartbeatPort, dataPort, httpPort } = await fleet.open();
  const proxies = [await startFaultyProxy({ targetPort: heartbeatPort }), await startFaultyProxy({ targetPort: dataPort })] as const;
  fleet.dial({ heartbeatPort: proxies[0].port, dataPort: proxies[1].port });
  try {
    fleet.startAll();
    await fleet.untilDone();
    for (const proxy of proxies) proxy.setFault({ kind: 'refuse' });
    const waiting = await backlogOfADay(fleet, options);
    const homes = steadyHomes(dataDir);
    say(`${homes.size} households speak all the time in the live stretch`);
    options.untilSeconds = DAY_SECONDS;
    sets.push('simulation.speed=1');
    fleet.start('simulate');
    const clock = await simulatorTime(fleet);
    for (const proxy of proxies) proxy.setFault({ kind: 'pass' });
    const drained = await drain(fleet, () => agesMs(httpPort, homes, clock), say);
    return [{ what: 'windows that waited', value: waiting, unit: 'windows' }, ...drained];
  } finally {
    await fleet.stop();
    for (const proxy of proxies) await proxy.stop();
    rmSync(folder, { recursive: true });
  }
}

/** @returns windows in the outbox */
async function backlogOfADay(fleet: Fleet, options: { untilSeconds: number }): Promise<number> {
  options.untilSeconds = DAY_SECONDS - LIVE_SECONDS;
  fleet.start('simulate');
  await fleet.exited('simulate');
  let before = -1;
  return settled(async () => {
    const { queued = 0, sent = 0 } = (await fleet.status()) ?? {};
    const isQuiet = queued + sent === before;
    before = queued + sent;
    return isQuiet ? before : undefined;
  });
}

/** Event time minus monotonic time of this process, by the reading that was quickest at the edge. */
async function simulatorTime(fleet: Fleet): Promise<number> {
  const before = (await fleet.status())?.newestMs ?? 0;
  const isLive = async () => ((await fleet.status())?.newestMs ?? 0) > before;
  // It first reads the day up to where it was.
  await settled(async () => ((await isLive()) ? true : undefined));
  const untilMs = performance.now() + LIVE_BEFORE_MS;
  let offsetMs = Number.NEGATIVE_INFINITY;
  while (performance.now() < untilMs) {
    offsetMs = Math.max(offsetMs, ((await fleet.status())?.newestMs ?? before) - performance.now());
    await sleep(LOOK_MS);
  }
  return offsetMs;
}

async function drain(fleet: Fleet, lookAtAges: () => Promise<number[]>, say: (line: string) => void): Promise<Figure[]> {
  const beganMs = performance.now();
  let backMs: number | undefined;
  let oldestMs = 0;
  let most = 0;
  for (;;) {
    const status = await fleet.status();
    const ages = await lookAtAges();
    const elapsedMs = performance.now() - beganMs;
    const oldest = ages.at(-1) ?? Number.POSITIVE_INFINITY;
    if (backMs === undefined && oldest <= AGE_SECONDS_MAX * 1_000) backMs = elapsedMs;
    if (backMs !== undefined) oldestMs = Math.max(oldestMs, oldest);
    most = Math.max(most, ages.length);
    if (status !== undefined && isDrained(status)) {
      say(`ages of ${most} households were looked at`);
      return [
        { what: 'the backlog is drained', value: elapsedMs / 1_000, unit: 's', promise: { is: '≤', limit: DRAIN_SECONDS_MAX } },
        ...ageFigures(backMs, oldestMs),
      ];
    }
    if (elapsedMs > DEADLINE_MS) throw new Error(`not drained: ${JSON.stringify(status)}`);
    await sleep(LOOK_MS);
  }
}

/** @param backMs after which every current value was young enough; undefined when that never came, and then no later age counts */
export function ageFigures(backMs: number | undefined, oldestMs: number): Figure[] {
  const promise = { is: '≤', limit: AGE_SECONDS_MAX } as const;
  const never = Number.POSITIVE_INFINITY;
  return [
    { what: 'current values are shown', value: (backMs ?? never) / 1_000, unit: 's', promise },
    { what: 'oldest current value from then on', value: (backMs === undefined ? never : oldestMs) / 1_000, unit: 's', promise },
  ];
}

function isDrained({ queued, sent }: EdgeStatus): boolean {
  return queued + sent <= CURRENT_ROWS;
}

/** Of each steady household's newest window shown, ascending. */
async function agesMs(httpPort: number, homes: ReadonlySet<string>, offsetMs: number): Promise<number[]> {
  const reply = (await (await fetch(`http://127.0.0.1:${httpPort}/api/v1/households?limit=${HOMES}`)).json()) as HouseholdsReply;
  const nowMs = performance.now() + offsetMs;
  const shown = reply.households.filter(({ household }) => homes.has(household));
  return shown.map(({ powerAt }) => (powerAt === null ? Number.POSITIVE_INFINITY : nowMs - Date.parse(powerAt))).sort((a, b) => a - b);
}

/** Households without a pause in the live stretch. */
function steadyHomes(dataDir: string): Set<string> {
  const times = new Map(householdFiles(dataDir).map((path) => [basename(path, '.csv'), timesOf(path)]));
  const t0Ms = Math.min(...[...times.values()].map(([first = Number.POSITIVE_INFINITY]) => first));
  const [fromMs, toMs] = [t0Ms + (DAY_SECONDS - LIVE_SECONDS) * 1_000, t0Ms + (DAY_SECONDS - LIVE_SECONDS / 2) * 1_000];
  const isSteady = (all: readonly number[]) => {
    const live = [fromMs, ...all.filter((ms) => ms > fromMs && ms < toMs), toMs];
    return live.every((ms, i) => i === 0 || ms - (live[i - 1] as number) <= PAUSE_MS_MAX);
  };
  return new Set([...times].filter(([, all]) => isSteady(all)).map(([home]) => home));
}

/** Of the second column of a household's file, below its two lines of titles. */
function timesOf(path: string): number[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => Number(line.split(',')[1]))
    .filter((timeMs) => timeMs > 0);
}

async function settled<T>(look: () => Promise<T | undefined>): Promise<T> {
  const untilMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > untilMs) throw new Error('the edge does not come to rest');
    await sleep(1_000);
  }
}
