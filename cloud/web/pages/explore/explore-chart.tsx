/** The explorer's picture: by pointer and by keyboard, each of its points in words below. */
import { useMemo } from 'preact/hooks';
import { TimeCanvas } from '../../charts/time-canvas.tsx';
import type { TimeDrawing } from '../../charts/time-drawing.ts';
import type { TimeModel } from '../../charts/time-points.ts';
import { dataEnds } from '../../live/data-ends.ts';
import { useLocale } from '../../shell/locale.ts';
import { usePageRange, zoomTo } from '../../shell/page-range.ts';
import { useStore } from '../../shell/store.ts';
import type { Choice } from './choice.ts';
import { mayStack } from './controls.tsx';
import { exploreModel } from './explore-model.ts';
import type { ExploreTable } from './explore-table.ts';
import { explorePoint, exploreSummary } from './explore-words.ts';
import type { LabelOf } from './series-label.ts';
import { zoomedAt } from './brush.ts';

interface ChartProps {
  table: ExploreTable;
  comparison: ExploreTable | undefined;
  choice: Choice;
  label: LabelOf;
  drawing: { current: TimeDrawing | undefined };
}

export function useExploreModel({ table, comparison, choice, label }: Omit<ChartProps, 'drawing'>): TimeModel {
  const { t } = useLocale();
  const { range } = usePageRange();
  const { firstMs, latestMs } = useStore(dataEnds);
  const isStacked = choice.isStacked && mayStack(choice, range.compare !== 'none');
  // Only what changes the picture: data that arrives after the range does not draw it anew.
  const fromMs = Math.max(table.fromMs, firstMs ?? table.fromMs);
  const toMs = Math.min(table.toMs, latestMs ?? table.toMs);
  return useMemo(() => {
    const comparedLabel = (its: string) => t(range.compare === 'year' ? 'chart.lastYear' : 'chart.previous', { label: its });
    return exploreModel({ table, comparison, choice: { ...choice, isStacked }, label, comparedLabel, recorded: { fromMs, toMs } });
  }, [table, comparison, choice, isStacked, fromMs, toMs, t, range.compare]);
}

export function ExploreChart(props: ChartProps & { model: TimeModel }) {
  const { table, comparison, choice, label, model, drawing } = props;
  const locale = useLocale();
  const parts = { table, comparison, choice, label, locale };
  const summary = useMemo(() => exploreSummary(parts), [table, choice, label, locale]);
  const onKey = (key: string, active: number | undefined) => {
    const zoomed = zoomedAt(key, table, active === undefined ? undefined : table.startsMs[active]);
    if (zoomed !== undefined) zoomTo(zoomed);
    return zoomed !== undefined;
  };
  return (
    <TimeCanvas
      label={`${locale.t('explore.chart')}. ${locale.t('explore.keys')}`}
      summary={summary}
      model={model}
      count={table.startsMs.length}
      words={(index) => explorePoint(parts, model, index)}
      drawing={drawing}
      onKey={onKey}
    />
  );
}
