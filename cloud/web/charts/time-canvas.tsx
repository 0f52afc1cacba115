/** The picture of a chart over time: its canvas, by pointer and by keyboard, each of its points in words below. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useLocale } from '../shell/locale.ts';
import { movePeriod, zoomBack, zoomTo } from '../shell/page-range.ts';
import { settingsStore, themeTurns } from '../shell/settings.ts';
import { useStore } from '../shell/store.ts';
import { readColours } from './colours.ts';
import { movedIndex, NO_ROWS } from './moved-index.ts';
import type { PointWords } from './picture.tsx';
import { useSwipe } from './swipe.ts';
import { TimeDrawing } from './time-drawing.ts';
import type { TimeModel } from './time-points.ts';

export interface TimeCanvasProps {
  /** What it is and which keys it knows. */
  label: string;
  /** The picture in words. */
  summary: string;
  model: TimeModel;
  /** Buckets, for the arrow keys. */
  count: number;
  words: (index: number) => PointWords;
  /** For who saves the picture; empty while nothing is drawn. */
  drawing: { current: TimeDrawing | undefined };
  /** True when it has done what the key asks for. */
  onKey?: (key: string, active: number | undefined) => boolean;
}

export function TimeCanvas({ label, summary, model, count, words, drawing, onKey }: TimeCanvasProps) {
  const { f } = useLocale();
  const { language } = useStore(settingsStore);
  const turns = useStore(themeTurns);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [active, setActive] = useState<number | undefined>(undefined);
  // With the page's own painting: after it the figures would wait for another.
  useLayoutEffect(() => {
    const options = { format: f, locale: language, colours: readColours(), onSpan: zoomTo, onActive: setActive, words };
    // chart.js does not turn one kind of chart into the other.
    if (drawing.current !== undefined && drawing.current.kind !== model.kind) takeAway(drawing);
    if (drawing.current !== undefined) drawing.current.draw(model, options);
    else if (canvas.current !== null) drawing.current = new TimeDrawing(canvas.current, model, options);
  }, [model, f, turns, language]);
  useEffect(() => () => takeAway(drawing), []);
  const told = active === undefined || active >= count ? undefined : words(active);
  const swipe = useSwipe(movePeriod);
  const onKeyDown = (event: KeyboardEvent) => {
    const next = movedIndex(event.key, active, count, NO_ROWS);
    if (next !== undefined) drawing.current?.activate(next);
    else if (onKey?.(event.key, active) !== true) return;
    event.preventDefault();
  };
  return (
    <>
      <div
        class="chart-box"
        role="group"
        tabIndex={0}
        aria-label={label}
        onKeyDown={onKeyDown}
        onDblClick={zoomBack}
        {...swipe}
        onBlur={() => drawing.current?.activate(undefined)}
      >
        <canvas ref={canvas} role="img" aria-label={summary} />
      </div>
      <p class="read-out hidden" aria-live="polite">
        {told === undefined ? '' : `${told.title}: ${told.lines.join('; ')}`}
      </p>
    </>
  );
}

function takeAway(drawing: { current: TimeDrawing | undefined }): void {
  drawing.current?.destroy();
  drawing.current = undefined;
}
