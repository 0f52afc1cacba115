/**
 * A picture that is not a course over time (map, matrix, curve): its canvas, its table, what can be taken away. By keyboard the active
 * point moves and is read out; the table has the very same figures.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../shell/icons.tsx';
import { asTables } from '../shell/keys.ts';
import { useLocale } from '../shell/locale.ts';
import { settingsStore, themeTurns } from '../shell/settings.ts';
import { useStore } from '../shell/store.ts';
import { type Colours, readColours } from './colours.ts';
import { download, savePicture } from './download.ts';
import { movedIndex } from './moved-index.ts';
import './picture.css';

export interface PointWords {
  title: string;
  lines: string[];
}

export interface PictureOptions {
  colours: Colours;
  /** What is told of a point. */
  words: (index: number) => PointWords;
  /** The point that the reader points at. */
  onActive: (index: number | undefined) => void;
  /** The reader clicked on a point. */
  onChoose?: (index: number) => void;
}

/** What draws on the canvas. Made anew when light turns dark. */
export interface Drawing<Model> {
  draw(model: Model): void;
  activate(index: number | undefined): void;
  /** As a data: address. */
  picture(): string;
  destroy(): void;
}

interface PictureProps<Model> {
  /** No other picture of the page has it. */
  title: string;
  note?: string;
  /** The picture in words. */
  summary: string;
  /** The same for the same figures, or it is drawn again. */
  model: Model;
  make: (canvas: HTMLCanvasElement, model: Model, options: PictureOptions) => Drawing<Model>;
  /** Points, for the arrow keys. */
  count: number;
  /** Points of a row, where up and down go to another row. */
  rowLength?: number;
  words: (index: number) => PointWords;
  onChoose?: (index: number) => void;
  /** Where something beside the picture marks a point, too. */
  active?: number | undefined;
  onActive?: (index: number | undefined) => void;
  table: ComponentChildren;
  file: { name: string; csv: (decimal: 'dot' | 'comma') => string };
  size?: 'normal' | 'square' | 'matrix';
  children?: ComponentChildren;
}

export function Picture<Model>(props: PictureProps<Model>) {
  const { title, note, table, file, size = 'normal', children } = props;
  const { t } = useLocale();
  const all = useStore(asTables);
  const [isTable, setTable] = useState(all);
  const drawing = useRef<Drawing<Model> | undefined>(undefined);
  useEffect(() => setTable(all), [all]);
  return (
    <figure class="time-chart picture" data-size={size}>
      <div class="chart-head">
        <h2>{title}</h2>
        {note !== undefined && <p class="lead">{note}</p>}
        <div class="chart-tools">
          <button type="button" class="plain" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
            <Icon name={isTable ? 'chart' : 'table'} />
            <span class="tool-name">{t(isTable ? 'chart.asChart' : 'chart.asTable')}</span>
          </button>
          <button
            type="button"
            title={t('chart.saveCsv', { title })}
            aria-label={t('chart.saveCsv', { title })}
            onClick={() => download(`${file.name}.csv`, 'text/csv', file.csv(settingsStore.get().csv))}
          >
            {t('chart.csv')}
          </button>
          <button
            type="button"
            title={t('chart.savePng', { title })}
            aria-label={t('chart.savePng', { title })}
            disabled={isTable}
            onClick={() => savePicture(`${file.name}.png`, drawing.current?.picture() ?? '')}
          >
            {t('chart.pngShort')}
          </button>
        </div>
      </div>
      {isTable ? table : <Canvas {...props} drawing={drawing} />}
      {children}
    </figure>
  );
}

function Canvas<Model>(props: PictureProps<Model> & { drawing: { current: Drawing<Model> | undefined } }) {
  const { title, summary, model, make, count, rowLength = 1, onChoose, drawing } = props;
  const { t } = useLocale();
  const turns = useStore(themeTurns);
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const [own, setOwn] = useState<number | undefined>(undefined);
  const active = props.active ?? own;
  const setActive = (index: number | undefined) => {
    setOwn(index);
    latest.current.onActive?.(index);
  };
  // In one frame with the words: after it the picture would show another model than they tell of.
  useLayoutEffect(() => {
    if (canvas.current === null) return undefined;
    const made = make(canvas.current, latest.current.model, {
      colours: readColours(),
      words: (index) => latest.current.words(index),
      onActive: setActive,
      onChoose: (index) => latest.current.onChoose?.(index),
    });
    drawing.current = made;
    return () => {
      made.destroy();
      drawing.current = undefined;
    };
  }, [turns]);
  useLayoutEffect(() => drawing.current?.draw(model), [model]);
  useLayoutEffect(() => drawing.current?.activate(active), [active, turns]);
  const told = active === undefined || active >= count ? undefined : props.words(active);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && active !== undefined) return onChoose?.(active);
    const next = movedIndex(event.key, active, count, rowLength);
    if (next === undefined) return;
    event.preventDefault();
    setActive(next);
  };
  return (
    <>
      <div
        class="chart-box"
        role="group"
        tabIndex={0}
        aria-label={`${title}. ${t('chart.keys')}`}
        onKeyDown={onKeyDown}
        onBlur={() => setActive(undefined)}
        onPointerLeave={() => setActive(undefined)}
      >
        <canvas ref={canvas} role="img" aria-label={summary} />
      </div>
      <p class="read-out" aria-live="polite">
        {told === undefined ? '' : `${told.title}: ${told.lines.join('; ')}`}
      </p>
    </>
  );
}
