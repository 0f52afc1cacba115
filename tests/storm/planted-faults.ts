/**
 * Five programs that lose or double readings, made by putting something wrong between right parts. The production code knows nothing of
 * them. Each must turn the storm red within a few seeds, or the storm is worth nothing.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type {
  AppendResult,
  Bucket,
  GapQuery,
  GapRow,
  HouseholdRow,
  PowerTotals,
  RangeQuery,
  SeriesStore,
  StoredVerdict,
} from '../../cloud/server/storage/series-store.ts';
import { SqliteSeriesStore, type SqliteSeriesStoreOptions } from '../../cloud/server/storage/sqlite-series-store.ts';
import type { Clock } from '../../common/clock.ts';
import { sourceKey } from '../../common/ids.ts';
import type { LinkClient } from '../../common/link/link.ts';
import { type HelloHousehold, type HelloRequest, type PartsRequest, rangeOf, type ShippedRow } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { decodeRequest, encodeReply } from '../../common/wire.ts';
import type { Life } from './life.ts';
import type { PlantedFault } from './storm.ts';
import { copyFolder } from './storm-files.ts';

/** A store that does as the one behind it, but for what a subclass changes. */
class WrongStore implements SeriesStore {
  protected readonly store: SqliteSeriesStore;

  constructor(options: SqliteSeriesStoreOptions) {
    this.store = new SqliteSeriesStore(options);
  }

  start(): Promise<void> {
    return this.store.start();
  }

  stop(): Promise<void> {
    return this.store.stop();
  }

  hello(request: HelloRequest): Promise<HelloHousehold[]> {
    return this.store.hello(request);
  }

  append(request: PartsRequest): Promise<AppendResult> {
    return this.store.append(request);
  }

  households(): Promise<HouseholdRow[]> {
    return this.store.households();
  }

  edges(): Promise<string[]> {
    return this.store.edges();
  }

  owners(): Promise<ReadonlyMap<string, string>> {
    return this.store.owners();
  }

  fields(): Promise<string[]> {
    return this.store.fields();
  }

  postalCodeOf(household: string): Promise<string | undefined> {
    return this.store.postalCodeOf(household);
  }

  powerTotals(): Promise<PowerTotals[]> {
    return this.store.powerTotals();
  }

  newest(): Promise<Bucket[]> {
    return this.store.newest();
  }

  range(query: RangeQuery): AsyncIterable<Bucket> {
    return this.store.range(query);
  }

  gaps(query: GapQuery): AsyncIterable<GapRow> {
    return this.store.gaps(query);
  }

  deleteBefore(timeMs: number): Promise<number> {
    return this.store.deleteBefore(timeMs);
  }
}

/**
 * Answers before it has committed. That shows only when the cloud dies in between, so now and then it does: the answer goes
 * out, and the file is as it was before.
 */
class AckBeforeCommit extends WrongStore {
  private readonly folder: string;
  private readonly clock: Clock;
  private readonly life: Life;
  private readonly random: Random;

  constructor(options: SqliteSeriesStoreOptions, life: Life, random: Random) {
    super(options);
    this.folder = join(options.stateDir, 'cloud');
    this.clock = options.clock;
    this.life = life;
    this.random = random;
  }

  override async append(request: PartsRequest): Promise<AppendResult> {
    if (this.random.next() > 0.05) return this.store.append(request);
    copyFolder(this.folder, `${this.folder}-before`);
    const result = await this.store.append(request);
    this.clock.timer('crash before the commit', 0, () => {
      this.life.end();
      copyFolder(`${this.folder}-before`, this.folder);
    });
    return result;
  }
}

/** Remembers the greatest stored seq of a source where it should remember all of them. */
class SeqsAsMaximum extends WrongStore {
  private readonly greatest = new Map<string, number>();

  override async hello(request: HelloRequest): Promise<HelloHousehold[]> {
    const answer = await super.hello(request);
    return answer.map((household) => ({
      ...household,
      sources: household.sources.map((source) => {
        const greatest = Math.max(0, ...source.covered.map(([, to]) => to));
        this.greatest.set(sourceKey(household.household, source.device, source.src), greatest);
        return { ...source, covered: greatest === 0 ? [] : [[1, greatest]], declared: [] };
      }),
    }));
  }

  override async append(request: PartsRequest): Promise<AppendResult> {
    const isKnown = (row: ShippedRow) => rangeOf(row).toSeq <= (this.greatest.get(keyOf(row)) ?? 0);
    const fresh = request.rows.filter((row) => !isKnown(row));
    const known = request.rows.map(isKnown);
    const result = await this.store.append({ ...request, rows: fresh });
    fresh.forEach((row, i) => {
      if (result.verdicts[i]?.verdict !== 'stored' || row.kind !== 'part') return;
      this.greatest.set(keyOf(row), Math.max(rangeOf(row).toSeq, this.greatest.get(keyOf(row)) ?? 0));
    });
    let next = 0;
    const verdicts = known.map((isOld): StoredVerdict => (isOld ? { verdict: 'duplicate' } : (result.verdicts[next++] as StoredVerdict)));
    return { ...result, verdicts };
  }
}

function keyOf(row: ShippedRow): string {
  const { household, device, src } = rangeOf(row);
  return sourceKey(household, device, src);
}

/** Keeps covered, and what it takes for a repeated part, in memory: after a restart the windows are there and nothing is known of them. */
class CoveredInMemory extends WrongStore {
  override async start(): Promise<void> {
    await this.store.start();
    await this.store.stop();
    const database = new Database(this.store.path);
    database.exec("UPDATE sources SET covered = '[]'; UPDATE parts SET source_id = source_id + (SELECT max(source_id) + 1 FROM parts)");
    database.close();
    await this.store.start();
  }
}

/** Stores a part although earlier seqs are missing. */
class GapAccepted extends WrongStore {
  override async append(request: PartsRequest): Promise<AppendResult> {
    const result = await this.store.append(request);
    for (const [i, row] of request.rows.entries()) {
      if (result.verdicts[i]?.verdict !== 'gap') continue;
      const again = await this.store.append({ ...request, rows: [missingBelow(row), row] });
      result.verdicts[i] = again.verdicts[1] as AppendResult['verdicts'][number];
    }
    return result;
  }
}

function missingBelow(row: ShippedRow): ShippedRow {
  const { household, device, src, fromSeq } = rangeOf(row);
  return { kind: 'gap', gap: { household, device, src, fromSeq: 1, toSeq: fromSeq - 1, reason: 'never mind' } };
}

/** Tells the edge that all is stored as soon as it is sent. */
class AckOnSend implements LinkClient {
  private readonly link: LinkClient;

  constructor(link: LinkClient) {
    this.link = link;
  }

  get inFlightMax(): number {
    return this.link.inFlightMax;
  }

  get isOrdered(): boolean {
    return this.link.isOrdered;
  }

  get transport(): string {
    return this.link.transport;
  }

  start(): Promise<void> {
    return this.link.start();
  }

  stop(): Promise<void> {
    return this.link.stop();
  }

  async request(payload: Buffer, deadlineMs: number): Promise<Buffer> {
    const request = decodeRequest(payload);
    if (request.kind !== 'parts') return this.link.request(payload, deadlineMs);
    void this.link.request(payload, deadlineMs).catch(() => undefined);
    const { startId, rows } = request.parts;
    return encodeReply({ kind: 'parts', startId, verdicts: rows.map(() => ({ verdict: 'stored' })), postalCodes: {}, generations: {} });
  }
}

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  { name: 'ack before commit', openStore: (options, life, random) => new AckBeforeCommit(options, life, random) },
  { name: 'ack on send', wrapLink: (link) => new AckOnSend(link) },
  { name: 'seqs remembered as a maximum', openStore: (options) => new SeqsAsMaximum(options) },
  { name: 'covered kept in memory only', openStore: (options) => new CoveredInMemory(options) },
  { name: 'a gap accepted', openStore: (options) => new GapAccepted(options) },
];
