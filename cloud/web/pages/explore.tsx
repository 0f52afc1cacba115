/** Explorer: any series, any range, any statistic; as a picture, as a table, as a file and as a question for other programs. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Emptiness, Failure } from '../charts/chart-states.tsx';
import { grainWords, partWords } from '../charts/chart-words.ts';
import { showChart } from '../charts/shown-charts.ts';
import type { TimeDrawing } from '../charts/time-drawing.ts';
import { DataLabel } from '../shell/data-label.tsx';
import { Icon } from '../shell/icons.tsx';
import { whenIdle } from '../page-clock.ts';
import { asTables } from '../shell/keys.ts';
import { useLocale } from '../shell/locale.ts';
import { Menu } from '../shell/menu.tsx';
import { usePageRange } from '../shell/page-range.ts';
import { goToRange } from '../shell/place.ts';
import { PageTitle } from '../shell/page-title.tsx';
import { Chips } from './explore/chips.tsx';
import { byAxes, type Choice, UNITS_MAX } from './explore/choice.ts';
import { Controls } from './explore/controls.tsx';
import { ExploreChart, useExploreModel } from './explore/explore-chart.tsx';
import { asSeriesTable, columnOf, type ExploreTable, isEmpty, isThere, onlyShown } from './explore/explore-table.ts';
import { ExploreItems } from './explore/export-items.tsx';
import { FiguresTable } from './explore/figures-table.tsx';
import { type LabelOf, labelsFor } from './explore/series-label.ts';
import { NotStored } from './explore/not-stored.tsx';
import { SeriesPicker } from './explore/series-picker.tsx';
import { StatsTable } from './explore/stats-table.tsx';
import { Strip } from './explore/strip.tsx';
import { useCatalogue } from './explore/use-catalogue.ts';
import { change, useChoice } from './explore/use-choice.ts';
import { type Explored, useExplore } from './explore/use-explore.ts';
import './explore/explore.css';

export function Page() {
  const locale = useLocale();
  const { t } = locale;
  const choice = useChoice();
  const explored = useExplore(choice);
  const [text, setText] = useState('');
  const [isWanted, setWanted] = useState(false);
  const known = useCatalogue(isWanted, text);
  const label = useMemo(() => labelsFor(locale), [locale]);
  const { refused } = byAxes(choice.refs);
  // The same while the choice is: figures that come do not draw a hundred buttons anew.
  const chosen = useMemo(
    () => (
      <>
        <Controls choice={choice} />
        <Chips choice={choice} label={label} />
      </>
    ),
    [choice, label],
  );
  useTableKey(choice);
  return (
    <>
      <PageTitle text={t('explore.title')}>
        <DataLabel class="tag" />
      </PageTitle>
      <section class="card explore-choice">
        <SeriesPicker choice={choice} label={label} known={known} text={text} setText={setText} onOpen={() => setWanted(true)} />
        {chosen}
        {refused.length > 0 && (
          <p class="refusal" role="status">
            {t('explore.refused', { n: refused.length, most: UNITS_MAX })}
          </p>
        )}
      </section>
      <Shown choice={choice} explored={explored} label={label} />
    </>
  );
}

/** The key `t` turns the picture into the table and back. */
function useTableKey({ isTable }: Choice): void {
  const view = useRef(isTable);
  view.current = isTable;
  useEffect(() => asTables.subscribe(() => change({ isTable: !view.current })), []);
}

function Shown({ choice, explored, label }: { choice: Choice; explored: Explored; label: LabelOf }) {
  const { t } = useLocale();
  const { range, span, isLive } = usePageRange();
  const { value: table, failure, retry, isLoading } = explored;
  // A range that stands still is brushed as it is asked for: what is loaded may be that of before.
  const brushed = isLive ? table : (span ?? table);
  const isRested = useRest(table !== undefined);
  return (
    <>
      <section class="card">
        <figure class="time-chart" data-size="tall" aria-busy={isLoading} data-loading={isLoading && table !== undefined}>
          {failure !== undefined && <Failure failure={failure} retry={retry} />}
          {failure !== undefined && range.res !== 'auto' && (
            <button type="button" class="to-auto" onClick={() => goToRange({ ...range, res: 'auto' })}>
              {t('explore.toAuto')}
            </button>
          )}
          {table === undefined && failure === undefined && (
            <div class="chart-box loading">{t(choice.refs.length === 0 ? 'explore.pick' : 'shell.loading')}</div>
          )}
          {table !== undefined && <Figures choice={choice} table={table} explored={explored} label={label} />}
        </figure>
        <Strip choice={choice} shown={brushed} />
      </section>
      {table !== undefined && isRested && <Stats choice={choice} table={table} explored={explored} label={label} />}
    </>
  );
}

/** False until the browser has drawn what matters more and has nothing else to do; then true for good. */
function useRest(isDrawn: boolean): boolean {
  const [isRested, setRested] = useState(false);
  useEffect(() => (isDrawn && !isRested ? whenIdle(() => setRested(true)) : undefined), [isDrawn, isRested]);
  return isRested;
}

interface FiguresProps {
  choice: Choice;
  table: ExploreTable;
  explored: Explored;
  label: LabelOf;
}

function Figures({ choice, table, explored, label }: FiguresProps) {
  const locale = useLocale();
  const { t, f } = locale;
  const { comparison } = explored;
  const drawing = useRef<TimeDrawing | undefined>(undefined);
  const shown = useMemo(() => onlyShown(table, choice.hidden), [table, choice.hidden]);
  const model = useExploreModel({ table, comparison, choice, label });
  const then = useMemo(() => (comparison === undefined ? undefined : onlyShown(comparison, choice.hidden)), [comparison, choice.hidden]);
  const picture = () => (choice.isTable ? undefined : drawing.current?.picture());
  const items = (close: () => void) => <ExploreItems table={shown} comparison={then} picture={picture} close={close} />;
  useEffect(
    () => showChart({ id: 'explore', title: t('explore.title'), table: asSeriesTable(shown), labels: new Map(), picture, items }),
    [shown, then, choice.isTable, t],
  );
  const grain = t('chart.resolution', { resolution: grainWords(table.resolution, locale) });
  const hasBand = !choice.isTable && model.lines.some(({ band }) => band !== undefined);
  const words = [
    f.span(table.fromMs, table.toMs),
    grain,
    hasBand ? t('chart.band') : '',
    choice.isTable ? '' : partWords(model, locale),
    model.gaps.length === 0 ? '' : t('chart.gaps', { n: model.gaps.length }),
    comparison !== undefined && isEmpty(comparison) ? t('chart.comparedEmpty') : '',
  ];
  return (
    <>
      <div class="chart-head">
        <h2 class="hidden">{t('explore.chart')}</h2>
        <p class="lead">{words.filter((its) => its !== '').join(' · ')}</p>
        <div class="chart-tools">
          <button
            type="button"
            class="plain"
            id="as-table"
            aria-pressed={choice.isTable}
            onClick={() => change({ isTable: !choice.isTable })}
          >
            <Icon name={choice.isTable ? 'chart' : 'table'} />
            <span class="tool-name">{t(choice.isTable ? 'chart.asChart' : 'chart.asTable')}</span>
          </button>
          <Menu id="explore-export" class="end" button={<Icon name="export" />} label={t('chart.menu', { title: t('explore.title') })}>
            {items}
          </Menu>
        </div>
      </div>
      <NotStored table={table} label={label} />
      <Unknowable shown={shown} choice={choice} />
      {table.series.every(({ isUnknown }) => isUnknown) ? null : isEmpty(table) ? (
        <Emptiness table={table} />
      ) : choice.isTable ? (
        <FiguresTable table={shown} label={label} />
      ) : (
        <ExploreChart table={table} comparison={comparison} choice={choice} label={label} model={model} drawing={drawing} />
      )}
    </>
  );
}

/** Data is there, and the statistic is not: says which series it can't be told of. */
function Unknowable({ shown, choice }: { shown: ExploreTable; choice: Choice }) {
  const { t } = useLocale();
  const name = columnOf(choice.stat);
  const silent = shown.series.filter(
    (series) => shown.startsMs.some((_, index) => isThere(series, index)) && (series.columns[name] ?? []).every((value) => value === null),
  );
  if (silent.length === 0) return null;
  return (
    <p class="refusal" role="status">
      {t(choice.stat === 'energy' ? 'explore.noEnergy' : 'explore.noExtremes', { n: silent.length })}
    </p>
  );
}

function Stats({ choice, table, explored, label }: FiguresProps) {
  const { t } = useLocale();
  const { range } = usePageRange();
  const comparedLabel = (its: string) => t(range.compare === 'year' ? 'chart.lastYear' : 'chart.previous', { label: its });
  const shown = useMemo(() => onlyShown(table, choice.hidden), [table, choice.hidden]);
  return <StatsTable table={shown} comparison={explored.comparison} stat={choice.stat} label={label} comparedLabel={comparedLabel} />;
}
