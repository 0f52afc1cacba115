/**
 * The whole recording in small below the chart, with a brush over the range shown: its edges and the whole of it are dragged, or moved by
 * keys. The range is taken when the pointer is let go or the keys have come to rest.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { SERIES_COLOURS } from '../../charts/colours.ts';
import { useData } from '../../data/use-data.ts';
import { dataEnds } from '../../live/data-ends.ts';
import { after } from '../../page-clock.ts';
import { useLocale } from '../../shell/locale.ts';
import { usePageRange, zoomTo } from '../../shell/page-range.ts';
import { useStore } from '../../shell/store.ts';
import type { Span } from '../../zone-time.ts';
import { centredAt, keyMovesMs, movedBy, type Part, placeOf, stripPath } from './brush.ts';
import { byAxes, type Choice, unitOf } from './choice.ts';
import { savedAddress, type ExploreTable } from './explore-table.ts';
import { ask } from './use-explore.ts';

/** Lines that can be told apart at this height. */
const LINES_MAX = 3;
const POINTS = 240;
const HEIGHT = 44;
const SETTLED_AFTER_MS = 350;
/** The strip is asked for anew when the recording has become so much longer. */
const GROWTH_SHARE = 0.02;
const GROWTH_LEAST_MS = 60_000;

export function Strip({ choice, shown }: { choice: Choice; shown: Span | undefined }) {
  const { t } = useLocale();
  const table = useRecording(choice);
  if (table === undefined || shown === undefined || table.startsMs.length === 0) return <div class="strip" aria-hidden="true" />;
  const whole = { fromMs: table.fromMs, toMs: table.toMs };
  return (
    <div class="strip" role="group" aria-label={t('explore.strip')}>
      <Lines table={table} choice={choice} />
      <Brush whole={whole} shown={shown} />
    </div>
  );
}

function useRecording({ refs, hidden }: Choice): ExploreTable | undefined {
  const { zone } = usePageRange();
  const { firstMs, latestMs } = useStore(dataEnds);
  const visible = byAxes(refs).drawn.filter((ref) => !hidden.has(ref));
  const drawn = visible.filter((ref) => unitOf(ref) === unitOf(visible[0] ?? '')).slice(0, LINES_MAX);
  const lengthMs = firstMs === null || latestMs === null ? 0 : latestMs - firstMs;
  const growth = latestMs === null ? 0 : Math.floor(latestMs / Math.max(GROWTH_LEAST_MS, lengthMs * GROWTH_SHARE));
  const question = { refs: drawn, from: 'first', to: 'latest', tz: zone, grain: { points: POINTS } };
  // Both ends are known soon after each other: asked before, it would be asked twice.
  const areEndsKnown = firstMs !== null && latestMs !== null;
  const address = drawn.length === 0 || !areEndsKnown ? null : savedAddress(question, ['mean', 'coverage']);
  const { value } = useData(address === null ? null : `${address} ${growth}`, (signal) => ask(address ?? '', signal), true);
  return address === null ? undefined : value;
}

function Lines({ table, choice }: { table: ExploreTable; choice: Choice }) {
  const values = table.series.flatMap(({ columns }) => columns.mean ?? []).filter((value) => value !== null);
  const extent = {
    least: values.reduce((least, value) => Math.min(least, value), 0),
    greatest: values.reduce((greatest, value) => Math.max(greatest, value), 0),
  };
  return (
    <svg viewBox={`0 0 1000 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {table.series.map(({ ref, columns }) => (
        <path
          key={ref}
          class={`series-${(Math.max(0, choice.refs.indexOf(ref)) % SERIES_COLOURS) + 1}`}
          d={stripPath(columns.mean ?? [], extent, HEIGHT)}
        />
      ))}
    </svg>
  );
}

function Brush({ whole, shown }: { whole: Span; shown: Span }) {
  const { t } = useLocale();
  const [moved, setMoved] = useState<Span | undefined>(undefined);
  const field = useRef<HTMLDivElement>(null);
  const settle = useRef<() => void>(() => undefined);
  useEffect(() => setMoved(undefined), [shown.fromMs, shown.toMs]);
  useEffect(() => () => settle.current(), []);
  const span = moved ?? shown;
  const take = (next: Span) => {
    settle.current();
    if (next.fromMs !== shown.fromMs || next.toMs !== shown.toMs) zoomTo(next);
  };
  const byKey = (part: Part) => (event: KeyboardEvent) => {
    const byMs = keyMovesMs(event.key, whole);
    if (byMs === undefined) return;
    event.preventDefault();
    const next = movedBy(span, part, byMs, whole);
    setMoved(next);
    settle.current();
    settle.current = after(SETTLED_AFTER_MS, () => take(next));
  };
  const drag = (event: PointerEvent) => {
    const box = field.current?.getBoundingClientRect();
    if (box === undefined || event.button !== 0) return;
    event.preventDefault();
    const part = partOf(event.target);
    const msPerPx = (whole.toMs - whole.fromMs) / Math.max(1, box.width);
    const start = part === undefined ? centredAt(span, whole.fromMs + (event.clientX - box.left) * msPerPx, whole) : span;
    let next = start;
    setMoved(start);
    field.current?.setPointerCapture(event.pointerId);
    const move = ({ clientX }: PointerEvent) => {
      next = movedBy(start, part ?? 'both', (clientX - event.clientX) * msPerPx, whole);
      setMoved(next);
    };
    const end = ({ type }: PointerEvent) => {
      field.current?.removeEventListener('pointermove', move);
      field.current?.removeEventListener('pointerup', end);
      field.current?.removeEventListener('pointercancel', end);
      if (type === 'pointerup') take(next);
      else setMoved(undefined);
    };
    field.current?.addEventListener('pointermove', move);
    field.current?.addEventListener('pointerup', end);
    field.current?.addEventListener('pointercancel', end);
  };
  // Set by script: the pages' policy allows no style in markup.
  useEffect(() => {
    field.current?.style.setProperty('--from', `${placeOf(span.fromMs, whole)}%`);
    field.current?.style.setProperty('--to', `${placeOf(span.toMs, whole)}%`);
  });
  const ends = { whole, span, onKeyDown: byKey };
  return (
    <div class="brush" ref={field} onPointerDown={drag}>
      <Slider part="both" name={t('explore.brush')} {...ends} />
      <Slider part="from" name={t('explore.brushFrom')} {...ends} />
      <Slider part="to" name={t('explore.brushTo')} {...ends} />
    </div>
  );
}

interface SliderProps {
  part: Part;
  name: string;
  whole: Span;
  span: Span;
  onKeyDown: (part: Part) => (event: KeyboardEvent) => void;
}

function Slider({ part, name, whole, span, onKeyDown }: SliderProps) {
  const { f } = useLocale();
  const atMs = part === 'to' ? span.toMs : span.fromMs;
  return (
    <div
      class={`brush-${part}`}
      data-part={part}
      role="slider"
      tabIndex={0}
      aria-label={name}
      aria-orientation="horizontal"
      aria-valuemin={whole.fromMs}
      aria-valuemax={whole.toMs}
      aria-valuenow={Math.max(whole.fromMs, Math.min(whole.toMs, Math.round(atMs)))}
      aria-valuetext={part === 'both' ? f.span(span.fromMs, span.toMs) : f.dateTime(atMs)}
      onKeyDown={onKeyDown(part)}
    />
  );
}

function partOf(target: EventTarget | null): Part | undefined {
  const part = target instanceof HTMLElement ? target.dataset['part'] : undefined;
  return part === 'from' || part === 'to' || part === 'both' ? part : undefined;
}
