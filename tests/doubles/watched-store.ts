/** A series store with a dial: it counts what is asked of the real one behind it, and can be told to fail or to hang. */
import type {
  AppendResult,
  Bucket,
  GapQuery,
  GapRow,
  HouseholdRow,
  PowerTotals,
  RangeQuery,
  SeriesStore,
} from '../../cloud/server/storage/series-store.ts';
import type { HelloHousehold, HelloRequest, PartsRequest } from '../../common/messages.ts';

export class WatchedStore implements SeriesStore {
  /** Every question is answered with this error. */
  failWith: Error | undefined;
  /** Questions wait for it. */
  hang: Promise<void> | undefined;
  /** Rows that a range gives before it fails or waits. */
  rowsBefore = 0;
  /** Rows that ranges gave so far. */
  rowsGiven = 0;
  readonly asked = { households: 0, powerTotals: 0, newest: 0, range: 0 };
  /** Ranges that are being read now. */
  openRanges = 0;
  private readonly store: SeriesStore;

  constructor(store: SeriesStore) {
    this.store = store;
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

  gaps(query: GapQuery): AsyncIterable<GapRow> {
    return this.store.gaps(query);
  }

  deleteBefore(timeMs: number): Promise<number> {
    return this.store.deleteBefore(timeMs);
  }

  async households(): Promise<HouseholdRow[]> {
    this.asked.households++;
    await this.gate();
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

  async powerTotals(): Promise<PowerTotals[]> {
    this.asked.powerTotals++;
    await this.gate();
    return this.store.powerTotals();
  }

  async newest(): Promise<Bucket[]> {
    this.asked.newest++;
    await this.gate();
    return this.store.newest();
  }

  async *range(query: RangeQuery): AsyncIterable<Bucket> {
    this.asked.range++;
    this.openRanges++;
    let rows = 0;
    try {
      if (this.rowsBefore === 0) await this.gate();
      for await (const bucket of this.store.range(query)) {
        rows++;
        this.rowsGiven++;
        yield bucket;
        if (rows >= this.rowsBefore) await this.gate();
      }
    } finally {
      this.openRanges--;
    }
  }

  private async gate(): Promise<void> {
    await this.hang;
    if (this.failWith !== undefined) throw this.failWith;
  }
}
