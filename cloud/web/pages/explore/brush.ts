/** Pure: the span of the overview strip's brush, dragged and moved by keys. */
import type { Span } from '../../zone-time.ts';

export type Part = 'from' | 'to' | 'both';

/** Shorter than this nothing is left to see. */
export const SPAN_LEAST_MS = 60_000;
const STEP_SHARE = 0.01;
const PAGE_STEPS = 10;

/** The span with a part of it moved, inside the whole; an edge stops before the other. */
export function movedBy(span: Span, part: Part, byMs: number, whole: Span): Span {
  const { fromMs, toMs } = span;
  const wholeMs = whole.toMs - whole.fromMs;
  const leastMs = Math.min(SPAN_LEAST_MS, wholeMs);
  if (part === 'from') return { fromMs: clamp(fromMs + byMs, whole.fromMs, toMs - leastMs), toMs };
  if (part === 'to') return { fromMs, toMs: clamp(toMs + byMs, fromMs + leastMs, whole.toMs) };
  const lengthMs = Math.min(toMs - fromMs, wholeMs);
  const startMs = clamp(fromMs + byMs, whole.fromMs, whole.toMs - lengthMs);
  return { fromMs: startMs, toMs: startMs + lengthMs };
}

/** What a key does to a part: arrows by a hundredth of the recording, page keys by a tenth, home and end to its ends. */
export function keyMovesMs(key: string, whole: Span): number | undefined {
  const wholeMs = whole.toMs - whole.fromMs;
  const stepMs = Math.max(1_000, Math.round((wholeMs * STEP_SHARE) / 1_000) * 1_000);
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -stepMs,
    ArrowDown: -stepMs,
    ArrowRight: stepMs,
    ArrowUp: stepMs,
    PageDown: -stepMs * PAGE_STEPS,
    PageUp: stepMs * PAGE_STEPS,
    Home: -wholeMs,
    End: wholeMs,
  };
  return steps[key];
}

/** A click beside the brush takes it there: its middle under the pointer. */
export function centredAt(span: Span, timeMs: number, whole: Span): Span {
  return movedBy(span, 'both', timeMs - (span.fromMs + span.toMs) / 2, whole);
}

/** Percent of the strip's width. */
export function placeOf(timeMs: number, whole: Span): number {
  return clamp(((timeMs - whole.fromMs) / Math.max(1, whole.toMs - whole.fromMs)) * 100, 0, 100);
}

/**
 * The strip's line in a box of 1000 × `height`: it begins anew after a bucket without data. A lone bucket is a short stroke.
 * @param extent least and greatest value of all lines of the strip
 */
export function stripPath(values: readonly (number | null)[], extent: { least: number; greatest: number }, height: number): string {
  const scale = extent.greatest === extent.least ? 0 : (height - 2) / (extent.greatest - extent.least);
  const x = (index: number) => Math.round(((index + 0.5) / values.length) * 10_000) / 10;
  const y = (value: number) => Math.round((height - 1 - (value - extent.least) * scale) * 10) / 10;
  const steps = values.map((value, index) => {
    if (value === null) return '';
    const isStart = (values[index - 1] ?? null) === null;
    const isLone = isStart && (values[index + 1] ?? null) === null;
    return `${isStart ? 'M' : 'L'}${x(index)} ${y(value)}${isLone ? 'h1' : ''}`;
  });
  return steps.join('');
}

function clamp(value: number, least: number, greatest: number): number {
  return Math.max(least, Math.min(value, greatest));
}

const ZOOM_FACTOR = 2;

/** `+` and `-` on the picture: half or twice the range, around the active point or the middle. */
export function zoomedAt(key: string, { fromMs, toMs }: Span, atMs: number | undefined): Span | undefined {
  const factor = key === '+' ? 1 / ZOOM_FACTOR : key === '-' ? ZOOM_FACTOR : undefined;
  if (factor === undefined) return undefined;
  const lengthMs = Math.max(SPAN_LEAST_MS, (toMs - fromMs) * factor);
  const centreMs = atMs ?? (fromMs + toMs) / 2;
  const share = (centreMs - fromMs) / (toMs - fromMs);
  const startMs = Math.round(centreMs - lengthMs * share);
  return { fromMs: startMs, toMs: Math.round(startMs + lengthMs) };
}
