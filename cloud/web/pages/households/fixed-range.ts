/** Pure: a page's range as fixed instants, so that the pages of a list belong together while the data moves on. */
import type { Range } from '../../range-address.ts';
import type { Span } from '../../zone-time.ts';

/** Null where it is not known yet what `latest` means. */
export function fixedRange({ from, to }: Pick<Range, 'from' | 'to'>, span: Span | null): { from: string; to: string } | null {
  if (span !== null) return { from: new Date(span.fromMs).toISOString(), to: new Date(span.toMs).toISOString() };
  return /^(latest|first)/.test(from) || /^(latest|first)/.test(to) ? null : { from, to };
}

/**
 * A range as long as the one shown, where the nearest data is: at the beginning or end of what the household has, or beside the gap that
 * holds the range.
 * @param gap the gap that the range lies in, if it lies in one
 */
export function nearestSpan(
  shown: Span,
  data: { firstMs: number; lastMs: number },
  gap: { fromMs: number; toMs: number } | undefined,
): Span {
  const lengthMs = Math.min(shown.toMs - shown.fromMs, Math.max(data.lastMs - data.firstMs, 1));
  const startingAt = (fromMs: number) => ({ fromMs, toMs: fromMs + lengthMs });
  const endingAt = (toMs: number) => ({ fromMs: toMs - lengthMs, toMs });
  if (shown.fromMs >= data.lastMs) return endingAt(data.lastMs);
  if (shown.toMs <= data.firstMs) return startingAt(data.firstMs);
  if (gap === undefined) return endingAt(data.lastMs);
  const [backMs, aheadMs] = [shown.fromMs - gap.fromMs, gap.toMs - shown.toMs];
  return backMs <= aheadMs ? endingAt(gap.fromMs) : startingAt(gap.toMs);
}
