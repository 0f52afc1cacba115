/**
 * Stands between the receiver and whatever store a storm has, and remembers what it was told: which seqs were answered as
 * stored, which as declared. From that alone it sees a double count, a part taken before an earlier one, and - compared
 * with the file when the cloud comes back - an answer that was given before the data was safe.
 */
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
import { type HeldSource, seqsOf } from './cloud-file.ts';
import { type HelloHousehold, type HelloRequest, type PartsRequest, rangeOf } from '../../common/messages.ts';

/** What the cloud said of one source. Plain sets of seqs: slow, and nothing to get wrong. */
interface Said {
  stored: Set<number>;
  declared: Set<number>;
}

/** By household/device/src. */
export type Statements = Map<string, Said>;

/** Seqs above are not of a storm's fleet, and sets of so many don't fit into memory. */
const SEQ_MAX = 1_000_000;

export class Witness {
  private said: Statements = new Map();
  readonly findings: string[] = [];
  /** How often each verdict was given. */
  readonly verdicts = new Map<string, number>();

  /** For a backup of the cloud's database, at the same instant. */
  copy(): Statements {
    return new Map([...this.said].map(([key, { stored, declared }]) => [key, { stored: new Set(stored), declared: new Set(declared) }]));
  }

  /** The database was set back to a copy. */
  restore(copy: Statements): void {
    this.said = copy;
  }

  watch(store: SeriesStore): SeriesStore {
    return new WitnessedStore(store, (request, result) => this.note(request, result));
  }

  /** What the file holds when the cloud starts: all that was answered as stored must be in it. */
  compareWithFile(held: ReadonlyMap<string, HeldSource>): void {
    for (const [key, { stored }] of this.said) {
      const covered = new Set(held.get(key)?.covered.flatMap(seqsOf));
      const lost = [...stored].filter((seq) => !covered.has(seq));
      if (lost.length > 0) this.findings.push(`${key}: seqs ${lost.join(' ')} were acknowledged and are not in the file after a crash`);
    }
  }

  private note({ rows }: PartsRequest, { verdicts }: AppendResult): void {
    rows.forEach((row, i) => {
      const verdict = verdicts[i]?.verdict ?? 'none';
      if (rangeOf(row).toSeq > SEQ_MAX) return;
      this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + 1);
      const { household, device, src, fromSeq, toSeq } = row.kind === 'part' ? row.part : row.gap;
      const key = `${household}/${device}/${src}`;
      const said = this.said.get(key) ?? { stored: new Set(), declared: new Set() };
      this.said.set(key, said);
      if (verdict === 'duplicate') this.noteDuplicate(key, said, row.kind, fromSeq, toSeq);
      if (verdict !== 'stored') return;
      for (let seq = 1; seq < fromSeq; seq++) {
        if (said.stored.has(seq) || said.declared.has(seq)) continue;
        this.findings.push(`${key}: seqs ${fromSeq}..${toSeq} were stored although seq ${seq} was neither stored nor declared`);
        break;
      }
      for (let seq = fromSeq; seq <= toSeq; seq++) {
        if (row.kind === 'gap') {
          if (!said.stored.has(seq)) said.declared.add(seq);
          continue;
        }
        if (said.stored.has(seq)) this.findings.push(`${key}: seq ${seq} was stored twice`);
        said.stored.add(seq);
        said.declared.delete(seq);
      }
    });
  }

  private noteDuplicate(key: string, said: Said, kind: 'part' | 'gap', fromSeq: number, toSeq: number): void {
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      if (said.stored.has(seq) || (kind === 'gap' && said.declared.has(seq))) continue;
      this.findings.push(`${key}: ${kind} ${fromSeq}..${toSeq} was answered as a duplicate, and seq ${seq} never came`);
      return;
    }
  }
}

class WitnessedStore implements SeriesStore {
  private readonly store: SeriesStore;
  private readonly onResult: (request: PartsRequest, result: AppendResult) => void;

  constructor(store: SeriesStore, onResult: (request: PartsRequest, result: AppendResult) => void) {
    this.store = store;
    this.onResult = onResult;
  }

  async append(request: PartsRequest): Promise<AppendResult> {
    const result = await this.store.append(request);
    this.onResult(request, result);
    return result;
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
