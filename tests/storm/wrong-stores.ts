/** Stores that do as the one behind them, but for what a subclass changes. */
import Database from 'better-sqlite3';
import { join } from 'node:path';
import type { AppendResult, Bucket, RangeQuery, SeriesStore, StoredVerdict } from '../../cloud/server/storage/series-store.ts';
import { SERIES_FILE } from '../../cloud/server/storage/open-database.ts';
import { sourceKey } from '../../common/ids.ts';
import { type HelloHousehold, type HelloRequest, type PartsRequest, rangeOf, type ShippedRow } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { ForwardingStore } from '../doubles/forwarding-store.ts';
import type { CloudLife } from './storm-cloud.ts';

/**
 * Answers before it has committed. That shows only when the cloud dies in between, so now and then it does: the answer goes
 * out, and the file is as it was before.
 */
export class AckBeforeCommit extends ForwardingStore {
  private readonly its: CloudLife;
  private readonly random: Random;

  constructor(store: SeriesStore, life: CloudLife, random: Random) {
    super(store);
    this.its = life;
    this.random = random;
  }

  override async append(request: PartsRequest): Promise<AppendResult> {
    const { disk, clock, life } = this.its;
    if (this.random.next() > 0.05 || !disk.copy('before')) return this.store.append(request);
    const result = await this.store.append(request);
    clock.timer('crash before the commit', 0, () => {
      life.end();
      disk.restore('before');
    });
    return result;
  }
}

/** Syncs now and then only, as synchronous=NORMAL does: what came since is gone when the power is cut. */
export class LostTail extends ForwardingStore {
  private static readonly SYNC_EVERY = 6;
  private readonly its: CloudLife;
  private commits = 0;

  constructor(store: SeriesStore, life: CloudLife) {
    super(store);
    this.its = life;
    const { disk } = life;
    // The disk keeps what was synced last, whatever was written since.
    disk.cutPower = (kill) => {
      const isThere = this.commits > 0;
      kill();
      if (isThere) disk.restore('synced last');
    };
  }

  override async append(request: PartsRequest): Promise<AppendResult> {
    if (this.commits++ % LostTail.SYNC_EVERY === 0) this.its.disk.copy('synced last');
    return this.store.append(request);
  }
}

/** Says that all is stored where there was no room. */
export class FullDiskIgnored extends ForwardingStore {
  override async append(request: PartsRequest): Promise<AppendResult> {
    try {
      return await this.store.append(request);
    } catch (error) {
      if ((error as { code?: string }).code !== 'DISK_FULL') throw error;
      return { verdicts: request.rows.map(() => ({ verdict: 'stored' })), postalCodes: {}, generations: {}, newest: [] };
    }
  }
}

/** Remembers the greatest stored seq of a source where it should remember all of them. */
export class SeqsAsMaximum extends ForwardingStore {
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
export class CoveredInMemory extends ForwardingStore {
  private readonly stateDir: string;

  constructor(store: SeriesStore, life: CloudLife) {
    super(store);
    this.stateDir = life.stateDir;
  }

  override async start(): Promise<void> {
    await this.store.start();
    await this.store.stop();
    const database = new Database(join(this.stateDir, SERIES_FILE));
    // Without their seals, which would tell of it.
    database.exec(
      "UPDATE sources SET covered = '[]'; UPDATE parts SET seal = NULL, source_id = source_id + (SELECT max(source_id) + 1 FROM parts)",
    );
    database.close();
    await this.store.start();
  }
}

/** Stores a part although earlier seqs are missing, and says that those are declared. */
export class GapAccepted extends ForwardingStore {
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

/** Takes rows from whoever sends them: owners are not looked at. */
export class OwnersIgnored extends ForwardingStore {
  private readonly claims = new Map<string, { claim: string; generation: number }>();

  override async hello(request: HelloRequest): Promise<HelloHousehold[]> {
    const answer = await super.hello(request);
    for (const { household, generation } of answer) this.claims.set(household, { claim: request.claim, generation });
    return answer;
  }

  override append(request: PartsRequest): Promise<AppendResult> {
    const [first] = request.rows;
    const owner = first === undefined ? undefined : this.claims.get(rangeOf(first).household);
    if (owner === undefined) return super.append(request);
    const generations = Object.fromEntries(
      Object.keys(request.generations).map((household) => [household, this.claims.get(household)?.generation ?? 0]),
    );
    return this.store.append({ ...request, claim: owner.claim, generations });
  }
}

/** Forgets who has claimed a household: each hello gets another generation, also a repeated one. */
export class ClaimNotKept extends ForwardingStore {
  private hellos = 0;

  override async hello(request: HelloRequest): Promise<HelloHousehold[]> {
    return this.store.hello({ ...request, claim: `${request.claim}-${++this.hellos}` });
  }

  override append(request: PartsRequest): Promise<AppendResult> {
    return this.store.append({ ...request, claim: `${request.claim}-${this.hellos}` });
  }
}

/** Takes every claim for the one that has the household: each hello gets the generation that there is, and all may ship. */
export class ClaimsNotCompared extends ForwardingStore {
  override hello(request: HelloRequest): Promise<HelloHousehold[]> {
    return this.store.hello({ ...request, claim: 'the-only-one' });
  }

  override append(request: PartsRequest): Promise<AppendResult> {
    return this.store.append({ ...request, claim: 'the-only-one' });
  }
}

/** Counts a repeated part again in what it adds up: the windows are right, the hours are not. */
export class RollupsOfDuplicates extends ForwardingStore {
  private readonly extra = new Map<string, number>();

  override async append(request: PartsRequest): Promise<AppendResult> {
    const result = await this.store.append(request);
    for (const [i, row] of request.rows.entries()) {
      if (row.kind !== 'part' || result.verdicts[i]?.verdict !== 'duplicate') continue;
      const hourMs = row.part.windowStartMs - (row.part.windowStartMs % 3_600_000);
      const key = `${row.part.household}/${row.part.device} ${hourMs}`;
      this.extra.set(key, (this.extra.get(key) ?? 0) + row.part.count);
    }
    return result;
  }

  override async *range(query: RangeQuery): AsyncIterable<Bucket> {
    for await (const bucket of this.store.range(query)) {
      const extra = query.resolution === '1h' ? (this.extra.get(`${bucket.household}/${bucket.device} ${bucket.startMs}`) ?? 0) : 0;
      yield { ...bucket, count: bucket.count + extra };
    }
  }
}
