/** A series store with a dial: it counts what is asked of the real one behind it, and can be told to fail or to hang. */
import type {
  Bucket,
  BucketsQuery,
  HouseholdRow,
  PowerTotals,
  RangeQuery,
  SeriesBuckets,
} from '../../cloud/server/storage/series-store.ts';
import { ForwardingStore } from './forwarding-store.ts';

export class WatchedStore extends ForwardingStore {
  /** Every question is answered with this error. */
  failWith: Error | undefined;
  /** Range queries are answered with it too. */
  failBuckets = false;
  /** Questions wait for it. */
  hang: Promise<void> | undefined;
  /** Rows that a range gives before it fails or waits. */
  rowsBefore = 0;
  /** Rows that ranges gave so far. */
  rowsGiven = 0;
  readonly asked = { households: 0, powerTotals: 0, newest: 0, range: 0 };
  /** Ranges that are being read now. */
  openRanges = 0;

  override async households(): Promise<HouseholdRow[]> {
    this.asked.households++;
    await this.gate();
    return super.households();
  }

  override async powerTotals(): Promise<PowerTotals[]> {
    this.asked.powerTotals++;
    await this.gate();
    return super.powerTotals();
  }

  override async newest(): Promise<Bucket[]> {
    this.asked.newest++;
    await this.gate();
    return super.newest();
  }

  override async buckets(query: BucketsQuery): Promise<SeriesBuckets[]> {
    if (this.failBuckets) await this.gate();
    return super.buckets(query);
  }

  override async *range(query: RangeQuery): AsyncIterable<Bucket> {
    this.asked.range++;
    this.openRanges++;
    let rows = 0;
    try {
      if (this.rowsBefore === 0) await this.gate();
      for await (const bucket of super.range(query)) {
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
