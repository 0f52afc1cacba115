/** Pure: ranges and buckets counted in windows. */
import type { KeptLevel } from '../storage/series-store.ts';

/** The whole windows that the range touches. */
export function wholeWindows({ from, to }: { from: number; to: number }, windowMs: number): { from: number; to: number } {
  return { from: Math.floor(from / windowMs) * windowMs, to: Math.ceil(to / windowMs) * windowMs };
}

/** Windows from the first of the edges to the last. */
export function windowsIn(edges: readonly number[], windowMs: number): number {
  const [first] = edges;
  const last = edges.at(-1);
  return first === undefined || last === undefined ? 0 : (last - first) / windowMs;
}

/**
 * Edges of buckets for one total over a range: long ones in its middle, shorter and shorter ones towards its ends, so that it is read from
 * few stored buckets and not window by window. Where windows were forgotten the ends are those of the shortest buckets kept there.
 * @param kept shortest first
 * @returns at least two edges, or none where the range is empty
 */
export function tieredEdges({ from, to }: { from: number; to: number }, kept: readonly KeptLevel[]): number[] {
  if (to <= from) return [];
  const levels = kept.map(({ levelMs }) => levelMs);
  const shortestAt = (timeMs: number) => kept.find(({ fromMs }) => fromMs <= timeMs)?.levelMs ?? levels.at(-1) ?? 1;
  const [first, last] = [shortestAt(from), shortestAt(to - 1)];
  const head = [Math.floor(from / first) * first];
  const tail = [Math.ceil(to / last) * last];
  for (const levelMs of levels) {
    const [headMs, tailMs] = [head.at(-1) as number, tail.at(-1) as number];
    const [up, down] = [Math.ceil(headMs / levelMs) * levelMs, Math.floor(tailMs / levelMs) * levelMs];
    if (up > down) break;
    if (up > headMs) head.push(up);
    if (down < tailMs) tail.push(down);
  }
  return [...new Set([...head, ...tail.reverse()])];
}
