/** A series store that does as the one behind it; subclasses say what they do beside that, or instead. */
import type {
  AppendResult,
  Bucket,
  BucketsQuery,
  ForgetOptions,
  GapQuery,
  GapRow,
  HouseholdRow,
  KeptLevel,
  PowerTotals,
  RangeQuery,
  SeriesBuckets,
  SeriesStore,
} from '../../cloud/server/storage/series-store.ts';
import type { HelloHousehold, HelloRequest, PartsRequest } from '../../common/messages.ts';

export class ForwardingStore implements SeriesStore {
  protected readonly store: SeriesStore;

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

  buckets(query: BucketsQuery): Promise<SeriesBuckets[]> {
    return this.store.buckets(query);
  }

  kept(): Promise<KeptLevel[]> {
    return this.store.kept();
  }

  gaps(query: GapQuery): AsyncIterable<GapRow> {
    return this.store.gaps(query);
  }

  deleteBefore(timeMs: number, options?: ForgetOptions): Promise<number> {
    return this.store.deleteBefore(timeMs, options);
  }
}
