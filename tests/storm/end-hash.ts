/** What the cloud holds in the end as bytes for the hash of a storm: numbers as they are, names once per series. */
import type { Hash } from 'node:crypto';
import type { Bucket } from '../../cloud/server/storage/series-store.ts';

const NUMBERS = 8;
const FIRST_BUCKETS = 1_024;

/** Of the buckets of one length. */
export class BucketHash {
  private readonly hash: Hash;
  private readonly lengthMs: number;
  private numbers = new Float64Array(FIRST_BUCKETS * NUMBERS);
  /** Of the bucket before. */
  private household = '';
  private device = '';
  private field = '';
  private at = 0;

  constructor(hash: Hash, lengthMs: number) {
    this.hash = hash;
    this.lengthMs = lengthMs;
  }

  add(bucket: Bucket): void {
    if (bucket.field !== this.field || bucket.device !== this.device || bucket.household !== this.household) this.beginSeries(bucket);
    if (this.at + NUMBERS > this.numbers.length) {
      const longer = new Float64Array(2 * this.numbers.length);
      longer.set(this.numbers);
      this.numbers = longer;
    }
    const { numbers, at } = this;
    numbers[at] = bucket.startMs;
    numbers[at + 1] = bucket.count;
    numbers[at + 2] = bucket.mean;
    numbers[at + 3] = bucket.min;
    numbers[at + 4] = bucket.max;
    numbers[at + 5] = bucket.first;
    numbers[at + 6] = bucket.last;
    numbers[at + 7] = bucket.energyKwh ?? Number.NaN;
    this.at = at + NUMBERS;
  }

  private beginSeries({ household, device, field }: Bucket): void {
    [this.household, this.device, this.field] = [household, device, field];
    this.hash.update(`${this.lengthMs} ${household}/${device}/${field} from ${this.at}\n`);
  }

  end(): void {
    this.hash.update(this.numbers.subarray(0, this.at));
  }
}
