/**
 * Series over the page's range, as a picture and as a table of the very same figures. Loading, failed and empty say so; by keyboard the
 * active point moves and is read out.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { SeriesTable } from '../data/series.ts';
import type { SeriesData } from '../data/use-series.ts';
import { dataEnds } from '../live/data-ends.ts';
import { DataLabel } from '../shell/data-label.tsx';
import { Icon } from '../shell/icons.tsx';
import { asTables } from '../shell/keys.ts';
import { useLocale } from '../shell/locale.ts';
import { Menu } from '../shell/menu.tsx';
import { usePageRange } from '../shell/page-range.ts';
import { useStore } from '../shell/store.ts';
import { Emptiness, Failure } from './chart-states.tsx';
import { grainWords, partWords, pointWords, summaryOf } from './chart-words.ts';
import { ExportItems } from './export-menu.tsx';
import { Legend } from './legend.tsx';
import { SeriesRows } from './series-rows.tsx';
import { charts, type ShownChart, showChart } from './shown-charts.ts';
import { TimeCanvas } from './time-canvas.tsx';
import type { TimeDrawing } from './time-drawing.ts';
import { modelOf, type Statistic, type TimeModel } from './time-points.ts';

export interface TimeChartProps {
  /** Its heading; no other chart of the page may have it. */
  title: string;
  data: SeriesData;
  /** What a series is called. */
  label: (ref: string) => string;
  kind?: 'line' | 'bar';
  /** What is drawn of each bucket. */
  statistic?: Statistic;
  /** `tall` for the chart that a page is about. */
  size?: 'normal' | 'tall';
}

export function TimeChart(props: TimeChartProps) {
  const { title, data } = props;
  const { t } = useLocale();
  const [isTable, setTable] = useTableView();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const drawing = useRef<TimeDrawing | undefined>(undefined);
  const table = data.value;
  const isEmpty = table !== undefined && isEmptyTable(table);
  const model = useModel(props, hidden);
  const shown = useShown(props, isTable, drawing);
  return (
    <figure
      class="time-chart"
      data-size={props.size ?? 'normal'}
      aria-busy={data.isLoading}
      data-loading={data.isLoading && table !== undefined}
    >
      <div class="chart-head">
        <h2>
          {title} <DataLabel />
        </h2>
        {table !== undefined && <Grain table={table} comparison={data.comparison} model={model} />}
        <div class="chart-tools">
          <button
            type="button"
            class="plain"
            aria-pressed={isTable}
            disabled={isEmpty || table === undefined}
            onClick={() => setTable(!isTable)}
          >
            <Icon name={isTable ? 'chart' : 'table'} />
            <span class="tool-name">{t(isTable ? 'chart.asChart' : 'chart.asTable')}</span>
          </button>
          {shown !== undefined && (
            <Menu id={`export-${shown.id}`} class="end" button={<Icon name="export" />} label={t('chart.menu', { title })}>
              {(close) => <ExportItems chart={shown} close={close} />}
            </Menu>
          )}
        </div>
      </div>
      {data.failure !== undefined && <Failure failure={data.failure} retry={data.retry} />}
      {table === undefined && data.failure === undefined && <div class="chart-box loading">{t('shell.loading')}</div>}
      {isEmpty && table !== undefined && <Emptiness table={table} />}
      {table !== undefined && model !== undefined && !isEmpty && (
        <>
          {isTable ? (
            <SeriesRows table={table} label={props.label} title={title} />
          ) : (
            <Picture {...props} model={model} table={table} drawing={drawing} />
          )}
          <Legend table={table} comparison={data.comparison} label={props.label} hidden={hidden} setHidden={setHidden} />
        </>
      )}
    </figure>
  );
}

function isEmptyTable({ series }: SeriesTable): boolean {
  return series.every(({ mean }) => mean.every((value) => value === null));
}

/** Follows the key `t`, and has a button of its own. */
function useTableView(): [isTable: boolean, set: (isTable: boolean) => void] {
  const all = useStore(asTables);
  const [isTable, setTable] = useState(all);
  useEffect(() => setTable(all), [all]);
  return [isTable, setTable];
}

function useModel(props: TimeChartProps, hidden: ReadonlySet<string>): TimeModel | undefined {
  const { t } = useLocale();
  const { range } = usePageRange();
  const { firstMs, latestMs } = useStore(dataEnds);
  const { data, label, kind = 'line', statistic = 'mean' } = props;
  const { value: table, comparison } = data;
  return useMemo(() => {
    if (table === undefined) return undefined;
    const comparedLabel = (its: string) => t(range.compare === 'year' ? 'chart.lastYear' : 'chart.previous', { label: its });
    const untilMs = Math.max(latestMs ?? table.toMs, table.fromMs);
    const sinceMs = firstMs ?? table.fromMs;
    return modelOf({ table, comparison, label, comparedLabel, hidden, kind, statistic, sinceMs, untilMs });
  }, [table, comparison, hidden, kind, statistic, firstMs, latestMs, t, range.compare]);
}

/** Puts the chart among those that the header exports. */
function useShown(props: TimeChartProps, isTable: boolean, drawing: { current: TimeDrawing | undefined }): ShownChart | undefined {
  const { title, data, label } = props;
  const table = data.value;
  useEffect(() => {
    if (table === undefined) return undefined;
    const labels = new Map(table.series.map(({ ref }) => [ref, label(ref)]));
    return showChart({ id: title, title, table, labels, picture: () => (isTable ? undefined : drawing.current?.picture()) });
  }, [title, table, isTable]);
  return useStore(charts).find(({ id }) => id === title);
}

function Picture(props: TimeChartProps & { model: TimeModel; table: SeriesTable; drawing: { current: TimeDrawing | undefined } }) {
  const { model, table, drawing, title, label, data } = props;
  const locale = useLocale();
  return (
    <TimeCanvas
      label={`${title}. ${locale.t('chart.keys')}`}
      summary={summaryOf({ table, title, label, locale })}
      model={model}
      count={table.startsMs.length}
      words={(index) => pointWords({ table, comparison: data.comparison, index, label, locale, model })}
      drawing={drawing}
    />
  );
}

interface GrainProps {
  table: SeriesTable;
  comparison: SeriesTable | undefined;
  model: TimeModel | undefined;
}

function Grain({ table, comparison, model }: GrainProps) {
  const locale = useLocale();
  const { t } = locale;
  const resolution = grainWords(table.resolution, locale);
  const hasBand = model?.lines.some(({ band }) => band !== undefined) === true;
  const gaps = model?.gaps.length ?? 0;
  const words = [
    t('chart.resolution', { resolution }),
    hasBand ? t('chart.band') : '',
    model === undefined ? '' : partWords(model, locale),
    gaps === 0 ? '' : t('chart.gaps', { n: gaps }),
  ];
  if (comparison !== undefined && isEmptyTable(comparison)) words.push(t('chart.comparedEmpty'));
  return <p class="lead">{words.filter((text) => text !== '').join(' · ')}</p>;
}
