/**
 * How far a partition is published: after each acknowledgement, the last acknowledged seq of each source and the earliest
 * simulated second with an unacknowledged reading. One small file per partition, because there is one unacknowledged
 * produce per partition.
 *
 * A reading is published iff its seq is above its source's last acknowledged one. The second only says up to where a
 * restarted run need not keep pace; of a log that was replaced it is all that is kept.
 */
import { join } from 'node:path';
import type { LogState } from '../../../common/broker/broker.ts';
import { readStateFile, saveStateFile } from '../state-file.ts';

export interface AckedSource {
  household: string;
  device: string;
  src: string;
  seq: number;
}

interface KnownSource extends AckedSource {
  /** Simulated second of the last acknowledged seq. */
  tick: number;
}

interface ResumeState {
  version: 1;
  /** The log that acknowledged, and its end then: in another log nothing is published. */
  logId: string;
  endOffset: number;
  /** Last acknowledged seq of each source, as [household, device, src, seq, tick]. A skipped range counts as acknowledged. */
  acked: [string, string, string, number, number][];
  /** Readings acknowledged. */
  published: number;
  /** Greatest simulated instant whose mark is acknowledged. */
  markMs: number;
  /** Runs whose end mark is acknowledged, the newest last. */
  ended: string[];
  resumeTick: number;
  /** Simulated second that a log before this one was published to. */
  replacedTick?: number;
}

/** Runs on one state that are remembered as ended. */
const ENDED_MAX = 100;

export class ResumePoint {
  private readonly path: string;
  private state: ResumeState;
  private readonly acked = new Map<string, KnownSource>();
  /** The source last asked for, by household: found without making a key. */
  private readonly recent = new Map<string, KnownSource>();

  constructor(stateFolder: string, partition: number) {
    this.path = join(stateFolder, `resume-${partition}.json`);
    this.state = emptyState('');
  }

  /**
   * Reads what was saved.
   * @returns whether it belongs to this log; otherwise everything is published (again), and the edge drops what it knows
   */
  load(log: LogState): boolean {
    const saved = readStateFile(this.path) as unknown as ResumeState | undefined;
    const fits = saved !== undefined && saved.version === 1 && saved.logId === log.logId && saved.endOffset <= log.endOffset;
    this.state = fits ? saved : { ...emptyState(log.logId), replacedTick: saved?.version === 1 ? reachedTick(saved) : 0 };
    this.acked.clear();
    this.recent.clear();
    for (const [household, device, src, seq, tick] of this.state.acked)
      this.acked.set(keyOf(household, src), { household, device, src, seq, tick: tick ?? 0 });
    return fits;
  }

  /** 0 when nothing of the source is acknowledged. */
  ackedSeq(household: string, src: string): number {
    return this.find(household, src)?.seq ?? 0;
  }

  get sources(): Iterable<AckedSource> {
    return this.acked.values();
  }

  get published(): number {
    return this.state.published;
  }

  get markMs(): number {
    return this.state.markMs;
  }

  get resumeTick(): number {
    return this.state.resumeTick;
  }

  /** What lies before it is late already, also when it has to be published again: nobody waits for it. */
  get pacedFromTick(): number {
    return reachedTick(this.state);
  }

  hasEnded(run: string): boolean {
    return this.state.ended.includes(run);
  }

  ackReading(source: AckedSource, tick: number): void {
    this.ackSkip(source, tick);
    this.state.published++;
  }

  ackSkip({ household, device, src, seq }: AckedSource, tick: number): void {
    const known = this.find(household, src);
    if (known === undefined) this.acked.set(keyOf(household, src), { household, device, src, seq, tick });
    else {
      known.seq = Math.max(known.seq, seq);
      known.tick = Math.max(known.tick, tick);
    }
  }

  /** Sources whose last seq lies before the tick are not asked for again: a loop makes new ones for ever. */
  forgetBefore(tick: number): void {
    for (const [key, source] of this.acked) {
      if (source.tick >= tick) continue;
      this.acked.delete(key);
      if (this.recent.get(source.household) === source) this.recent.delete(source.household);
    }
  }

  ackMark(timeMs: number): void {
    this.state.markMs = Math.max(this.state.markMs, timeMs);
  }

  ackEnd(run: string): void {
    this.state.ended = [...this.state.ended, run].slice(-ENDED_MAX);
  }

  save(endOffset: number, resumeTick: number): void {
    this.state.endOffset = endOffset;
    this.state.resumeTick = resumeTick;
    this.state.acked = Array.from(this.acked.values(), ({ household, device, src, seq, tick }) => [household, device, src, seq, tick]);
    saveStateFile(this.path, this.state);
  }

  private find(household: string, src: string): KnownSource | undefined {
    const recent = this.recent.get(household);
    if (recent?.src === src) return recent;
    const source = this.acked.get(keyOf(household, src));
    if (source !== undefined) this.recent.set(household, source);
    return source;
  }
}

function reachedTick({ resumeTick, replacedTick }: ResumeState): number {
  return Math.max(resumeTick, replacedTick ?? 0);
}

function emptyState(logId: string): ResumeState {
  return { version: 1, logId, endOffset: 0, acked: [], published: 0, markMs: Number.MIN_SAFE_INTEGER, ended: [], resumeTick: 0 };
}

function keyOf(household: string, src: string): string {
  return `${household}/${src}`;
}
