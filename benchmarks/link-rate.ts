/**
 * How many parts a second go over the link, stored and fsynced by the cloud (a process of its own) before each ack? One client with as many
 * requests on their way as its transport carries, each lane with households of its own. The base is the seed's path, measured in
 * the same run: one tuple a request, one request at a time, and commits with an fsync of their own for each. With TLS the gate lets one
 * edge ask 1,500 times a second (link-gate.ts), which bounds the cell of one a request.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { systemClock } from '../common/clock.ts';
import type { LinkClient } from '../common/link/link.ts';
import { EdgeCredentials } from '../common/link/edge-credentials.ts';
import { openLinkClient, openLinkServer } from '../common/link/open-link.ts';
import { silentLogger } from '../common/logger.ts';
import type { LinkReply } from '../common/messages.ts';
import { randomId, seededRandom } from '../common/random.ts';
import { decodeReply, encodeRequest, type RequestToSend, type RowToShip } from '../common/wire.ts';
import { ensureBuilt, Fleet } from '../tests/crash/fleet.ts';
import { FleetLink, type LinkKind } from '../tests/doubles/fleet-link.ts';
import { freePort } from '../tests/doubles/free-port.ts';
import type { Figure, Question } from './question.ts';

const TRANSPORTS = [
  { name: 'nanomsg', kind: 'nanomsg' },
  { name: 'codec', kind: 'sp' },
  { name: 'codec with mutual TLS', kind: 'tls' },
] as const;
const SIZES = [1, 50, 500] as const;
/** A full request holds neighbouring rows of so many households, as the shipper's do. */
const HOUSEHOLDS_PER_LANE = 10;
const MEASURED_MS = 5_000;
const WARM_UP_MS = 1_000;
const DEADLINE_MS = 30_000;
const BASE_TIMES = 100;
/** More than the seed ships in the time. */
const SEED_ROWS = 30_000;
const READINGS_PER_PART = 3;
const WINDOW_MS = 5_000;
const T0_MS = 1_577_145_600_000;
const FIELDS = ['energy', 'power', 'power1', 'power2', 'power3'];

export const linkRate: Question = {
  name: 'link-rate',
  asks: 'parts a second over the link on loopback, stored and fsynced before the ack',
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const baseRate = await seedRate();
    say(`the seed's path: ${baseRate.toFixed(0)} tuples/s`);
    const figures: Figure[] = [{ what: 'one tuple a request with commits of its own, as the seed', value: baseRate, unit: 'tuples/s' }];
    for (const { name, kind } of TRANSPORTS) {
      for (const size of SIZES) {
        const rate = await partsRate(kind, size);
        say(`${name}, ${size} a request: ${rate.toFixed(0)} parts/s`);
        figures.push({ what: `${name}, ${size} a request`, value: rate, unit: 'parts/s' });
        if (size !== SIZES.at(-1)) continue;
        figures.push({
          what: `${name}, ${size} a request, over the seed`,
          value: rate / baseRate,
          unit: 'x',
          promise: { is: '≥', limit: BASE_TIMES },
        });
      }
    }
    return figures;
  },
};

/** A cloud with an empty store for each cell: none pays for the rows of another. */
async function partsRate(kind: LinkKind, size: number): Promise<number> {
  using way = await FleetLink.of(kind);
  const fleet = new Fleet({ dataDir: tmpdir(), sets: way.sets });
  const { dataPort } = await fleet.open();
  fleet.start('cloud');
  const link = await openClient(kind, dataPort, way.bundleFile);
  try {
    const ask = async (request: RequestToSend) => decodeReply(await link.request(encodeRequest(request), DEADLINE_MS));
    const claim = `1-${randomId()}`;
    const lanes = Array.from({ length: link.inFlightMax }, (_, lane) => new Lane(lane, size, claim));
    for (const lane of lanes) await lane.hello(ask);
    await Promise.all(lanes.map((lane) => lane.shipFor(WARM_UP_MS, ask)));
    const beganMs = performance.now();
    const parts = await Promise.all(lanes.map((lane) => lane.shipFor(MEASURED_MS, ask)));
    return (1_000 * parts.reduce((sum, its) => sum + its, 0)) / (performance.now() - beganMs);
  } finally {
    await link.stop();
    await fleet.stop();
  }
}

async function openClient(kind: LinkKind, port: number, bundleFile?: string): Promise<LinkClient> {
  const common = { host: '127.0.0.1', port, clock: systemClock, random: seededRandom(1), logger: silentLogger };
  const tls = bundleFile === undefined ? undefined : new EdgeCredentials(bundleFile, systemClock, silentLogger);
  const link = await openLinkClient({ ...common, kind: kind === 'tls' ? 'auto' : kind, tls });
  await link.start();
  return link;
}

type Ask = (request: RequestToSend) => Promise<LinkReply>;

/** What has one request on its way: some households' parts, each household's in order. */
class Lane {
  private readonly households: string[];
  private readonly rowsEach: number;
  private readonly size: number;
  private readonly claim: string;
  private readonly generations: Record<string, number> = {};
  private startId = '';
  private seq = 1;

  constructor(lane: number, size: number, claim: string) {
    const count = size >= HOUSEHOLDS_PER_LANE * 5 ? HOUSEHOLDS_PER_LANE : 1;
    this.households = Array.from({ length: count }, (_, i) => `home-${lane}-${i}`);
    this.rowsEach = size / count;
    this.size = size;
    this.claim = claim;
  }

  async hello(ask: Ask): Promise<void> {
    const households = this.households.map((household) => ({ household, generation: 0 }));
    const reply = await ask({
      kind: 'hello',
      hello: { edge: 'edge-1', epoch: 'epoch', claim: this.claim, windowMs: WINDOW_MS, households },
    });
    if (reply.kind !== 'hello') throw new Error(`hello was answered ${JSON.stringify(reply)}`);
    this.startId = reply.startId;
    for (const { household, generation } of reply.households) this.generations[household] = generation;
  }

  /** @returns parts stored */
  async shipFor(ms: number, ask: Ask): Promise<number> {
    const untilMs = performance.now() + ms;
    let parts = 0;
    while (performance.now() < untilMs) {
      const reply = await ask({
        kind: 'parts',
        parts: {
          edge: 'edge-1',
          epoch: 'epoch',
          claim: this.claim,
          startId: this.startId,
          windowMs: WINDOW_MS,
          generations: this.generations,
          rows: this.nextRows(),
        },
      });
      if (reply.kind !== 'parts' || !reply.verdicts.every(({ verdict }) => verdict === 'stored'))
        throw new Error(`parts were answered ${JSON.stringify(reply).slice(0, 200)}`);
      parts += this.size;
    }
    return parts;
  }

  private nextRows(): RowToShip[] {
    const rows = this.households.flatMap((household) =>
      Array.from({ length: this.rowsEach }, (_, i) => rowOf(household, this.seq + i * READINGS_PER_PART)),
    );
    this.seq += this.rowsEach * READINGS_PER_PART;
    return rows;
  }
}

/** As the outbox gives it: statistics as the text that they were saved as. */
function rowOf(household: string, fromSeq: number): RowToShip {
  const windowStartMs = T0_MS + ((fromSeq - 1) / READINGS_PER_PART) * WINDOW_MS;
  const stats = FIELDS.flatMap((_, field) => {
    const value = 100 + ((fromSeq * (field + 3)) % 977) / 8;
    return [value * READINGS_PER_PART + 0.25, value - 1.5, value + 1.75, value, value + 0.125];
  });
  const part = {
    household,
    device: 'meter',
    src: '1f00c2aa',
    fromSeq,
    toSeq: fromSeq + READINGS_PER_PART - 1,
    windowStartMs,
    count: READINGS_PER_PART,
    fields: FIELDS,
    stats: JSON.stringify(stats),
    firstMs: windowStartMs + 100,
    lastMs: windowStartMs + 4_100,
    digest: (fromSeq * 2_654_435_761).toString(16).padStart(16, '0').slice(-16),
  };
  return { kind: 'part', part };
}

/**
 * What the seed does with a tuple that waits in its outbox, one after the other: mark it as sent, ask for its postal code, save the code,
 * mark it as acknowledged; each a commit of its own in a rollback journal. Its cloud answers before it stores.
 */
async function seedRate(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
  const database = new Database(join(folder, 'local.db'));
  database.pragma('journal_mode = DELETE');
  database.pragma('synchronous = FULL');
  database.exec(
    `CREATE TABLE power_averages (id INTEGER PRIMARY KEY, node_id TEXT NOT NULL, average REAL NOT NULL, postal_code INTEGER DEFAULT 0,
       timestamp TEXT DEFAULT CURRENT_TIMESTAMP, sent INTEGER DEFAULT 0)`,
  );
  const insert = database.prepare('INSERT INTO power_averages (node_id, average) VALUES (?, ?)');
  database.transaction(() => {
    for (let i = 0; i < SEED_ROWS; i++) insert.run(`household_${i % 50}`, 249_050);
  })();
  const setSent = database.prepare('UPDATE power_averages SET sent = ? WHERE id = ?');
  const setCode = database.prepare('UPDATE power_averages SET postal_code = ? WHERE id = ?');
  const server = openLinkServer({ host: '127.0.0.1', port: await freePort(), clock: systemClock, logger: silentLogger });
  const port = await server.start(async (payload) =>
    Buffer.from(`PLZ for id: ${(JSON.parse(payload.toString()) as { id: number }).id} - PLZ: 14132`),
  );
  const link = await openClient('sp', port);
  try {
    let id = 1;
    const shipFor = async (ms: number) => {
      const untilMs = performance.now() + ms;
      for (; performance.now() < untilMs && id <= SEED_ROWS; id++) {
        setSent.run(1, id);
        const tuple = { id, node_id: `household_${id % 50}`, average: 249_050 };
        const code = /PLZ: (\d+)/.exec((await link.request(Buffer.from(JSON.stringify(tuple)), DEADLINE_MS)).toString())?.[1];
        setCode.run(Number(code), id);
        setSent.run(2, id);
      }
    };
    await shipFor(WARM_UP_MS);
    const [before, beganMs] = [id, performance.now()];
    await shipFor(MEASURED_MS);
    return (1_000 * (id - before)) / (performance.now() - beganMs);
  } finally {
    await link.stop();
    await server.stop();
    database.close();
    rmSync(folder, { recursive: true });
  }
}
