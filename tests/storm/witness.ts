/**
 * Stands between the receiver and whatever store a storm has, and remembers what it was told: which seqs were answered as
 * stored, which as declared. From that alone it sees a double count, a part taken before an earlier one, and - compared
 * with the file when the cloud comes back - an answer that was given before the data was safe.
 */
import type { AppendResult, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import { ForwardingStore } from '../doubles/forwarding-store.ts';
import { type HeldSource, seqsOf } from './cloud-file.ts';
import { type HelloHousehold, type HelloRequest, type PartsRequest, rangeOf } from '../../common/messages.ts';

/** What the cloud said of one source. Plain sets of seqs: slow, and nothing to get wrong. */
interface SaidOfSource {
  stored: Set<number>;
  declared: Set<number>;
  /** All seqs up to here are stored or declared: looked at once. */
  whole: number;
}

/** By household/device/src; and whose claim owns each household. */
export interface Said {
  sources: Map<string, SaidOfSource>;
  owners: Map<string, { claim: string; generation: number }>;
}

/** Seqs above are not of a storm's fleet, and sets of so many don't fit into memory. */
const SEQ_MAX = 1_000_000;

export class Witness {
  private said: Said = { sources: new Map(), owners: new Map() };
  readonly findings: string[] = [];
  private rowsSent = 0;
  private rowsStored = 0;
  /** How often each verdict was given. */
  readonly verdicts = new Map<string, number>();

  /** Rows that came for each 1,000 that were stored. */
  get sentPer1000(): number {
    return Math.round((1_000 * this.rowsSent) / Math.max(1, this.rowsStored));
  }

  /** For a backup of the cloud's database, at the same instant. */
  copy(): Said {
    return copyOf(this.said);
  }

  /** The database was set back to a copy. */
  restore(copy: Said): void {
    this.said = copyOf(copy);
  }

  watch(store: SeriesStore): SeriesStore {
    return new WitnessedStore(store, {
      onHello: (request, answer) => this.noteHello(request, answer),
      onAppend: (request, result) => this.note(request, result),
    });
  }

  /** What the file holds when the cloud starts: all that was answered as stored must be in it. */
  compareWithFile(held: ReadonlyMap<string, HeldSource>): void {
    for (const [key, { stored }] of this.said.sources) {
      const covered = new Set(held.get(key)?.covered.flatMap(seqsOf));
      const lost = [...stored].filter((seq) => !covered.has(seq));
      if (lost.length > 0) this.findings.push(`${key}: seqs ${lost.join(' ')} were acknowledged and are not in the file after a crash`);
    }
  }

  /** R5: the same claim keeps its generation, another one gets a higher one. */
  private noteHello({ claim }: HelloRequest, answer: readonly HelloHousehold[]): void {
    for (const { household, generation } of answer) {
      const owner = this.said.owners.get(household);
      if (owner?.claim === claim && owner.generation !== generation) {
        this.findings.push(`${household}: a repeated claim got generation ${generation}, it had ${owner.generation}`);
      }
      if (owner !== undefined && owner.claim !== claim && owner.generation >= generation) {
        this.findings.push(`${household}: another claim got generation ${generation}, the one before had ${owner.generation}`);
      }
      this.said.owners.set(household, { claim, generation });
    }
  }

  private note({ rows, claim }: PartsRequest, { verdicts }: AppendResult): void {
    rows.forEach((row, i) => {
      const verdict = verdicts[i]?.verdict ?? 'none';
      if (rangeOf(row).toSeq > SEQ_MAX) return;
      this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + 1);
      this.rowsSent++;
      if (verdict === 'stored') this.rowsStored++;
      const { household, device, src, fromSeq, toSeq } = row.kind === 'part' ? row.part : row.gap;
      const key = `${household}/${device}/${src}`;
      const said = this.said.sources.get(key) ?? { stored: new Set(), declared: new Set(), whole: 0 };
      this.said.sources.set(key, said);
      if (verdict === 'duplicate') this.noteDuplicate(key, said, row.kind, fromSeq, toSeq);
      if (verdict !== 'stored') return;
      const owner = this.said.owners.get(household);
      if (owner !== undefined && owner.claim !== claim) {
        this.findings.push(`${key}: seqs ${fromSeq}..${toSeq} were stored for a claim that another one has taken the place of`);
      }
      while (said.stored.has(said.whole + 1) || said.declared.has(said.whole + 1)) said.whole++;
      if (said.whole < fromSeq - 1) {
        this.findings.push(`${key}: seqs ${fromSeq}..${toSeq} were stored although seq ${said.whole + 1} was neither stored nor declared`);
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

  private noteDuplicate(key: string, said: SaidOfSource, kind: 'part' | 'gap', fromSeq: number, toSeq: number): void {
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      if (said.stored.has(seq) || (kind === 'gap' && said.declared.has(seq))) continue;
      this.findings.push(`${key}: ${kind} ${fromSeq}..${toSeq} was answered as a duplicate, and seq ${seq} never came`);
      return;
    }
  }
}

function copyOf({ sources, owners }: Said): Said {
  const copy = ({ stored, declared, whole }: SaidOfSource) => ({ stored: new Set(stored), declared: new Set(declared), whole });
  return { sources: new Map([...sources].map(([key, said]) => [key, copy(said)])), owners: new Map(owners) };
}

interface Heard {
  onHello: (request: HelloRequest, answer: readonly HelloHousehold[]) => void;
  onAppend: (request: PartsRequest, result: AppendResult) => void;
}

class WitnessedStore extends ForwardingStore {
  private readonly heard: Heard;

  constructor(store: SeriesStore, heard: Heard) {
    super(store);
    this.heard = heard;
  }

  override async append(request: PartsRequest): Promise<AppendResult> {
    const result = await super.append(request);
    this.heard.onAppend(request, result);
    return result;
  }

  override async hello(request: HelloRequest): Promise<HelloHousehold[]> {
    const answer = await super.hello(request);
    this.heard.onHello(request, answer);
    return answer;
  }
}
