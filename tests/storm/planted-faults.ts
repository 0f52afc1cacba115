/**
 * Five programs that lose or double readings, made by putting something wrong between right parts. The production code knows nothing of
 * them. Each must turn the storm red within a few seeds, or the storm is worth nothing.
 */
import Database from 'better-sqlite3';
import type { AppendResult, Bucket, HouseholdRow, PowerTotals, RangeQuery, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import { SqliteSeriesStore, type SqliteSeriesStoreOptions } from '../../cloud/server/storage/sqlite-series-store.ts';
import type { Clock } from '../../common/clock.ts';
import type { LinkClient } from '../../common/link/link.ts';
import { type HelloHousehold, type HelloRequest, type PartsRequest, rangeOf, type ShippedRow } from '../../common/messages.ts';
import { decodeRequest, encodeReply } from '../../common/wire.ts';
import type { Life } from './life.ts';
import type { PlantedFault } from './storm.ts';

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

  powerTotals(): Promise<PowerTotals[]> {
    return this.store.powerTotals();
  }

  newest(): Promise<Bucket[]> {
    return this.store.newest();
  }

  range(query: RangeQuery): AsyncIterable<Bucket> {
    return this.store.range(query);
  }

  deleteBefore(timeMs: number): Promise<number> {
    return this.store.deleteBefore(timeMs);
  }
}

/** Answers `stored` and stores a moment later; a crash in between loses what was acknowledged. */
class AckBeforeCommit extends WrongStore {
  private readonly clock: Clock;
  private readonly life: Life;

  constructor(options: SqliteSeriesStoreOptions, life: Life) {
    super(options);
    this.clock = options.clock;
    this.life = life;
  }

  override append(request: PartsRequest): Promise<AppendResult> {
    this.clock.timer('commit after the ack', 50, () => {
      this.store.append(request).catch((error: unknown) => {
        if (!this.life.isOver) throw error;
      });
    });
    return Promise.resolve({ verdicts: request.rows.map(() => ({ verdict: 'stored' })), postalCodes: {}, generations: {}, newest: [] });
  }
}

/** Remembers the greatest seq of a source where it should remember all of them. */
class SeqsAsMaximum extends WrongStore {
  override async hello(request: HelloRequest): Promise<HelloHousehold[]> {
    const answer = await super.hello(request);
    return answer.map((household) => ({
      ...household,
      sources: household.sources.map((source) => {
        const greatest = Math.max(0, ...source.covered.map(([, to]) => to));
        return { ...source, covered: greatest === 0 ? [] : [[1, greatest]], declared: [] };
      }),
    }));
  }
}

/** Keeps covered in memory: after a restart it knows of nothing stored. */
class CoveredInMemory extends WrongStore {
  override async start(): Promise<void> {
    await this.store.start();
    await this.store.stop();
    const database = new Database(this.store.path);
    database.exec("UPDATE sources SET covered = '[]'; DROP INDEX IF EXISTS parts_by_seq;");
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
  { name: 'ack before commit', openStore: (options, life) => new AckBeforeCommit(options, life) },
  { name: 'ack on send', wrapLink: (link) => new AckOnSend(link) },
  { name: 'seqs remembered as a maximum', openStore: (options) => new SeqsAsMaximum(options) },
  { name: 'covered kept in memory only', openStore: (options) => new CoveredInMemory(options) },
  { name: 'a gap accepted', openStore: (options) => new GapAccepted(options) },
];
