/** Up to three states side by side: their power over the range, and their figures. */
import { useMemo } from 'preact/hooks';
import type { StateRow } from '../../../server/api/api-types.ts';
import { SeriesChart } from '../../charts/series-chart.tsx';
import { DataTable } from '../../shell/data-table.tsx';
import { Icon } from '../../shell/icons.tsx';
import { useLocale } from '../../shell/locale.ts';
import { howMade, MEASURES, missingText, valueOf, valueText } from './measures.ts';

interface CompareProps {
  rows: readonly StateRow[];
  hours: number | null;
  codes: readonly string[];
  onRemove: (code: string) => void;
}

export function CompareCard({ rows, hours, codes, onRemove }: CompareProps) {
  const locale = useLocale();
  const { t } = locale;
  const chosen = codes.flatMap((code) => rows.find(({ state }) => state === code) ?? []);
  const drawn = chosen.filter(({ households }) => households > 0).map(({ state }) => `state:${state}.power`);
  const refs = useMemo(() => drawn, [drawn.join()]);
  const names = new Map(rows.map(({ state, name }) => [`state:${state}.power`, name]));
  const columns = [{ title: t('states.measure') }, ...chosen.map(({ name }) => ({ title: name, isNumber: true }))];
  const figures = MEASURES.map((measure) => ({
    key: measure,
    cells: [
      t(`states.measure.${measure}`),
      ...chosen.map((row) => (valueOf(row, measure, hours) === null ? missingText(row, locale) : valueText(row, measure, hours, locale))),
    ],
  }));
  return (
    <section class="card" id="compare">
      {refs.length > 0 && <SeriesChart title={t('states.compare')} refs={refs} label={(ref) => names.get(ref) ?? ref} />}
      <p class="lead">{t('states.compareSum')}</p>
      <DataTable
        id="compare-table"
        columns={columns}
        rows={[...figures, { key: 'made', cells: [t('states.made'), ...chosen.map((row) => howMade(row, locale))] }]}
      />
      <p class="compare-chosen">
        {chosen.map(({ state, name }) => (
          <button key={state} type="button" aria-label={t('states.remove', { state: name })} onClick={() => onRemove(state)}>
            {name}
            <Icon name="close" />
          </button>
        ))}
      </p>
    </section>
  );
}
