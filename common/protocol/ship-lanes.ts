/**
 * Which rows may go out while others are on their way, pure (R9). Requests come to the cloud in the order of sending, so a source's
 * next rows may follow before the first are answered. When an earlier request fails - lost, turned away, refused - those behind it are
 * refused as `gap`: that follows from the first, and is mended by sending again from the lowest seq, not by a hello. A source that failed
 * sends nothing until all it has on its way is settled, so order is kept and nothing is repeated in a loop.
 */
import type { Verdict } from '../messages.ts';

/** One request, by its number: the range of seqs of each source in it. */
interface OnItsWay {
  /** Seq behind the last one, by source id. */
  nextSeq: ReadonlyMap<number, number>;
  /** Sources with rows in an earlier request that was on its way when this one went out. */
  following: ReadonlySet<number>;
}

export class ShipLanes {
  private readonly requests = new Map<number, OnItsWay>();
  /** Sources of which a request failed while others of it were on their way. */
  private readonly broken = new Set<number>();

  get size(): number {
    return this.requests.size;
  }

  /** Seq from which each source with rows on their way goes on. */
  nextSeqs(): Map<number, number> {
    const next = new Map<number, number>();
    for (const { nextSeq } of this.requests.values())
      for (const [source, seq] of nextSeq) next.set(source, Math.max(next.get(source) ?? 0, seq));
    return next;
  }

  /** @param isOrdered the link keeps the order of requests; where it does not, a source has one request on its way */
  mayFollow(source: number, isOrdered: boolean, nextSeqs: ReadonlyMap<number, number>): boolean {
    return !nextSeqs.has(source) || (isOrdered && !this.broken.has(source));
  }

  begin(request: number, rows: readonly { sourceId: number; toSeq: number }[]): void {
    const onTheirWay = this.nextSeqs();
    const nextSeq = new Map<number, number>();
    for (const { sourceId, toSeq } of rows) nextSeq.set(sourceId, toSeq + 1);
    this.requests.set(request, { nextSeq, following: new Set([...nextSeq.keys()].filter((source) => onTheirWay.has(source))) });
  }

  /** Nothing of these sources goes out before what they have on their way is settled. */
  fail(sources: Iterable<number>): void {
    for (const source of sources) this.broken.add(source);
  }

  /** All sources of the request. */
  failAll(request: number): void {
    this.fail(this.requests.get(request)?.nextSeq.keys() ?? []);
  }

  end(request: number): void {
    this.requests.delete(request);
    const left = this.nextSeqs();
    for (const source of this.broken) if (!left.has(source)) this.broken.delete(source);
  }

  /**
   * Whether each refused row follows from another refusal: a `gap` behind rows of its source that are not stored either, in the same
   * request or in an earlier one. Such a row is sent again after those, without a hello; the lowest one never follows from anything, so a
   * cloud that really lacks something is always asked.
   */
  followers(request: number, rows: readonly { sourceId: number; verdict: Verdict | 'lost' }[]): boolean[] {
    const following = this.requests.get(request)?.following;
    const refused = new Set<number>();
    return rows.map(({ sourceId, verdict }) => {
      if (verdict === 'stored' || verdict === 'duplicate') return false;
      const isFollower = verdict === 'gap' && (refused.has(sourceId) || following?.has(sourceId) === true);
      refused.add(sourceId);
      return isFollower;
    });
  }
}
