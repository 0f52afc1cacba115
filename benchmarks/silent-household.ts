/**
 * How many windows does a household owe when it is told that it is silent? Real processes, a reading every two seconds in real time;
 * households stop one after the other at random moments while one goes on.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AlertsReply, HouseholdsReply } from '../cloud/server/api/api-types.ts';
import { seededRandom } from '../common/random.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { DEFAULT_TIMES } from './default-times.ts';
import type { Figure, Question } from './question.ts';
import { sleep } from './started-run.ts';

const WINDOWS_MAX = 3;
const HOUSEHOLDS = 8;
const READING_MS = 2_000;
/** Before the first stops. */
const CALM_MS = 30_000;
/** In which they stop. */
const STOPS_MS = 40_000;
const END_MS = CALM_MS + STOPS_MS + 30_000;
const START_MS = Date.UTC(2019, 11, 24);
const LOOK_MS = 20;
const DEADLINE_MS = 60_000 + END_MS;

export const silentHousehold: Question = {
  name: 'silent-household',
  asks: `windows that a household owes when it is told that it is silent, ${HOUSEHOLDS} that stop at random moments`,
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    writeHouseholds(folder);
    const fleet = new Fleet({ dataDir: folder, speed: '1', sets: DEFAULT_TIMES });
    const { httpPort } = await fleet.open();
    try {
      fleet.startAll();
      const owed = await untilAllAreTold(`http://127.0.0.1:${httpPort}/api/v1`, say);
      return [
        { what: 'windows owed when told, most', value: Math.max(...owed), unit: 'windows', promise: { is: '≤', limit: WINDOWS_MAX } },
      ];
    } finally {
      await fleet.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

/** The first goes on to the end. */
function writeHouseholds(folder: string): void {
  const random = seededRandom(1);
  for (let nth = 0; nth <= HOUSEHOLDS; nth++) {
    const endMs = nth === 0 ? END_MS : CALM_MS + random.below(STOPS_MS);
    const rows: string[] = [];
    for (let atMs = random.below(READING_MS); atMs < endMs; atMs += READING_MS) {
      const timeMs = START_MS + atMs;
      const date = new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ');
      rows.push([date, timeMs, 1_000_000 + rows.length, 230_000, 230_000, 0, 0].join(','));
    }
    writeFileSync(join(folder, `home-${nth}.csv`), `household\ndate,timestamp,energy,power,power1,power2,power3\n${rows.join('\n')}\n`);
  }
}

async function untilAllAreTold(api: string, say: (line: string) => void): Promise<number[]> {
  const told = new Map<string, number>();
  const untilMs = performance.now() + DEADLINE_MS;
  while (told.size < HOUSEHOLDS) {
    if (performance.now() > untilMs) throw new Error(`only ${[...told.keys()].join(', ')} were told`);
    await sleep(LOOK_MS);
    const alerts = await asked<AlertsReply>(`${api}/alerts`);
    for (const { alert, subject } of alerts?.alerts ?? []) {
      if (alert !== 'household-silent' || subject === null || told.has(subject)) continue;
      const reply = await asked<HouseholdsReply>(`${api}/households`);
      const owed = reply?.households.find(({ household }) => household === subject)?.windowsMissing;
      if (typeof owed !== 'number') continue;
      told.set(subject, owed);
      say(`${subject}: ${owed} windows`);
    }
  }
  return [...told.values()];
}

async function asked<T>(address: string): Promise<T | undefined> {
  try {
    const reply = await fetch(address);
    return reply.ok ? ((await reply.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}
