/** What the cloud holds in the end as bytes for the hash of a storm: numbers as they are, names once per series. */
import type { Hash } from 'node:crypto';
import type { Bucket } from '../../cloud/server/storage/series-store.ts';

const NUMBERS = 8;
const PIECE_BUCKETS = 1_024;

/** Of the buckets of one length. */
export class BucketHash {
  private readonly hash: Hash;
  private readonly lengthMs: number;
  /** Numbers side by side; the last piece is not full. */
  private readonly pieces: Float64Array[] = [];
  private numbers = new Float64Array(0);
  /** Of the bucket before. */
  private household = '';
  private device = '';
  private field = '';
  /** Numbers in the full pieces, and in the last one. */
  private before = 0;
  private at = 0;

  constructor(hash: Hash, lengthMs: number) {
    this.hash = hash;
    this.lengthMs = lengthMs;
  }

  add(bucket: Bucket): void {
    if (bucket.field !== this.field || bucket.device !== this.device || bucket.household !== this.household) this.beginSeries(bucket);
    if (this.at === this.numbers.length) this.beginPiece();
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
    this.hash.update(`${this.lengthMs} ${household}/${device}/${field} from ${this.before + this.at}\n`);
  }

  private beginPiece(): void {
    this.before += this.at;
    this.numbers = new Float64Array(PIECE_BUCKETS * NUMBERS);
    this.pieces.push(this.numbers);
    this.at = 0;
  }

  end(): void {
    for (const numbers of this.pieces) this.hash.update(numbers === this.numbers ? numbers.subarray(0, this.at) : numbers);
  }
}
