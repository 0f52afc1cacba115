/** The map with its legend. */
import type { StateRow } from '../../../server/api/api-types.ts';
import { useMemo } from 'preact/hooks';
import { colourOfValue, stepEdges } from '../../charts/colour-steps.ts';
import { Picture } from '../../charts/picture.tsx';
import { MapDrawing, type MapModel } from '../../charts/state-map.ts';
import { StepLegend } from '../../charts/step-legend.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { addressOf, goTo } from '../../shell/place.ts';
import { amountText, howMade, type Measure, missingText, valueOf, valueText } from './measures.ts';
import { FiguresTable, statesCsv } from './states-table.tsx';

export interface ByMeasure {
  /** Ranked by the measure. */
  rows: readonly StateRow[];
  measure: Measure;
  /** Length of the range; null when it is not known. */
  hours: number | null;
  /** Code of the state that the reader is at. */
  active: string | undefined;
  onActive: (code: string | undefined) => void;
}

export function StatesMap({ rows, measure, hours, active, onActive }: ByMeasure) {
  const locale = useLocale();
  const { t, f } = locale;
  const values = rows.map((row) => valueOf(row, measure, hours));
  const key = JSON.stringify([rows.map(({ state }) => state), values]);
  const { edges, model } = useMemo(() => modelOf(rows, values), [key]);
  const title = t(`states.title.${measure}`);
  const missing = rows.filter((_, index) => values[index] === null);
  const hatched =
    missing.length === 0 ? undefined : missing.every(({ households }) => households === 0) ? 'states.noHousehold' : 'states.noFigure';
  const at = rows.findIndex(({ state }) => state === active);
  return (
    <Picture
      title={title}
      summary={summaryOf(rows, measure, hours, locale)}
      model={model}
      make={(canvas, first, options) => new MapDrawing(canvas, first, options)}
      count={rows.length}
      words={(index) => wordsOf(rows[index], measure, hours, locale)}
      active={at < 0 ? undefined : at}
      onActive={(index) => onActive(index === undefined ? undefined : rows[index]?.state)}
      onChoose={(index) => goTo(addressOf(`/states/${rows[index]?.state ?? ''}`))}
      table={<FiguresTable id="map-table" rows={rows} hours={hours} />}
      file={{ name: 'fogline-states', csv: (decimal) => statesCsv(rows, hours, decimal) }}
      size="square"
    >
      <StepLegend
        edges={edges}
        text={(edge) => amountText(edge, measure, { f })}
        below={values.some((value) => value !== null && value < 0) ? t('states.below') : undefined}
        missing={hatched === undefined ? undefined : t(hatched)}
      />
    </Picture>
  );
}

function modelOf(rows: readonly StateRow[], values: readonly (number | null)[]): { edges: number[]; model: MapModel } {
  const edges = stepEdges(values);
  const colours = new Map(rows.map(({ state }, index) => [state, colourOfValue(edges, values[index] ?? null)]));
  return { edges, model: { codes: rows.map(({ state }) => state), colours } };
}

function wordsOf(row: StateRow | undefined, measure: Measure, hours: number | null, locale: Locale): { title: string; lines: string[] } {
  if (row === undefined) return { title: '', lines: [] };
  if (valueOf(row, measure, hours) === null) return { title: row.name, lines: [missingText(row, locale)] };
  const figure = `${locale.t(`states.measure.${measure}`)}: ${valueText(row, measure, hours, locale)}`;
  return { title: row.name, lines: [figure, howMade(row, locale)].filter((line) => line !== '') };
}

function summaryOf(rows: readonly StateRow[], measure: Measure, hours: number | null, locale: Locale): string {
  const { t } = locale;
  const known = rows.filter((row) => valueOf(row, measure, hours) !== null);
  const text = (row: StateRow) => valueText(row, measure, hours, locale);
  const words = [t('states.mapSummary', { title: t(`states.title.${measure}`), some: known.length, all: rows.length })];
  const [first] = known;
  const last = known.at(-1);
  if (first !== undefined) words.push(t('states.mapHighest', { state: first.name, figure: text(first) }));
  if (last !== undefined && last !== first) words.push(t('states.mapLowest', { state: last.name, figure: text(last) }));
  return words.join(' ');
}
