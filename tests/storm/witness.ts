/**
 * Stands between the receiver and whatever store a storm has, and remembers what it was told: which seqs were answered as
 * stored, which as declared, and to which life of an edge. From that alone it sees a double count, a part taken before an earlier one,
 * two lives that are served at once, and - compared with the file when the cloud comes back - an answer that was given before the data
 * was safe.
 */
import type { AppendResult, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import { ForwardingStore } from '../doubles/forwarding-store.ts';
import { type HeldSource, seqsOf } from './cloud-file.ts';
import { lifeOf } from './life-marks.ts';
import { SEQ_MAX, SeqStates } from './seq-states.ts';
import {
  type HelloHousehold,
  type HelloRequest,
  type PartsRequest,
  rangeOf,
  type SeqRange,
  type ShippedRow,
} from '../../common/messages.ts';

/** What was said of a seq. */
const [STORED, DECLARED] = [1, 2] as const;

/** What the cloud said of one source. */
interface SaidOfSource {
  seqs: SeqStates;
  /** All seqs up to here are stored or declared: looked at once. */
  whole: number;
}

/** Whose hello was the last to name a household. */
interface Owner {
  /** Which process of which edge (life-marks.ts). */
  life: string;
  generation: number;
}

/** By household/device/src; and whose each household is. */
export interface Said {
  sources: Map<string, SaidOfSource>;
  owners: Map<string, Owner>;
}

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
    for (const [key, { seqs }] of this.said.sources) {
      const covered = new Set(held.get(key)?.covered.flatMap(seqsOf));
      const lost: number[] = [];
      for (let seq = 1; seq <= seqs.last; seq++) if (seqs.get(seq) === STORED && !covered.has(seq)) lost.push(seq);
      if (lost.length > 0) this.findings.push(`${key}: seqs ${lost.join(' ')} were acknowledged and are not in the file after a crash`);
    }
  }

  /** R5: a life that asks again keeps its generation, another one gets a higher one. */
  private noteHello(request: HelloRequest, answer: readonly HelloHousehold[]): void {
    const life = lifeNamed(request);
    for (const { household, generation } of answer) {
      const owner = this.said.owners.get(household);
      if (owner?.life === life && owner.generation !== generation) {
        this.findings.push(`${household}: ${life} asked again and got generation ${generation}, it had ${owner.generation}`);
      }
      if (owner !== undefined && owner.life !== life && owner.generation >= generation) {
        this.findings.push(`${household}: ${life} got generation ${generation}, ${owner.life} before it had ${owner.generation}`);
      }
      this.said.owners.set(household, { life, generation });
    }
  }

  private note(request: PartsRequest, { verdicts }: AppendResult): void {
    const { rows } = request;
    const life = lifeNamed(request);
    let owner: Owner | undefined;
    let before: SeqRange | undefined;
    let key = '';
    let said: SaidOfSource | undefined;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as ShippedRow;
      const verdict = verdicts[i]?.verdict ?? 'none';
      const range = rangeOf(row);
      const { household, fromSeq, toSeq } = range;
      if (toSeq > SEQ_MAX) continue;
      this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + 1);
      this.rowsSent++;
      if (verdict === 'stored') this.rowsStored++;
      // Rows of a source lie side by side.
      if (
        said === undefined ||
        before === undefined ||
        before.household !== household ||
        before.device !== range.device ||
        before.src !== range.src
      ) {
        key = `${household}/${range.device}/${range.src}`;
        said = this.saidOf(key);
        owner = this.said.owners.get(household);
        before = range;
      }
      const { seqs } = said;
      // R5: two lives of one edge, or of two, are never both served. Who is fenced must hear of it.
      if (owner !== undefined && owner.life !== life && verdict !== 'not_owner' && verdict !== 'rejected') {
        this.findings.push(`${key}: seqs ${fromSeq}..${toSeq} of ${life} were ${verdict}, and ${owner.life} has taken its place`);
      }
      if (verdict === 'duplicate') this.noteDuplicate(key, said, row.kind, fromSeq, toSeq);
      if (verdict !== 'stored') continue;
      while (seqs.get(said.whole + 1) !== 0) said.whole++;
      if (said.whole < fromSeq - 1) {
        this.findings.push(`${key}: seqs ${fromSeq}..${toSeq} were stored although seq ${said.whole + 1} was neither stored nor declared`);
      }
      for (let seq = fromSeq; seq <= toSeq; seq++) {
        if (row.kind === 'gap') {
          if (seqs.get(seq) !== STORED) seqs.set(seq, DECLARED);
          continue;
        }
        if (seqs.get(seq) === STORED) this.findings.push(`${key}: seq ${seq} was stored twice`);
        seqs.set(seq, STORED);
      }
    }
  }

  private saidOf(key: string): SaidOfSource {
    let said = this.said.sources.get(key);
    if (said === undefined) this.said.sources.set(key, (said = { seqs: new SeqStates(), whole: 0 }));
    return said;
  }

  private noteDuplicate(key: string, said: SaidOfSource, kind: 'part' | 'gap', fromSeq: number, toSeq: number): void {
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      if (said.seqs.get(seq) === STORED || (kind === 'gap' && said.seqs.get(seq) === DECLARED)) continue;
      this.findings.push(`${key}: ${kind} ${fromSeq}..${toSeq} was answered as a duplicate, and seq ${seq} never came`);
      return;
    }
  }
}

/** A request that nobody marked is of the life that its claim names: right edges have a new one in each. */
function lifeNamed(request: HelloRequest | PartsRequest): string {
  return lifeOf(request) ?? request.claim;
}

function copyOf({ sources, owners }: Said): Said {
  const copy = ({ seqs, whole }: SaidOfSource) => ({ seqs: seqs.copy(), whole });
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
