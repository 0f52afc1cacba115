/** All 16 states by one measure: map, ranking, table, and up to three of them side by side. */
import { useMemo, useState } from 'preact/hooks';
import { MS_PER_HOUR } from '../../../../common/units.ts';
import type { StateRow, StatesReply } from '../../../server/api/api-types.ts';
import { Emptiness, Failure } from '../../charts/chart-states.tsx';
import { useFresh } from '../../data/use-fresh.ts';
import { DataLabel } from '../../shell/data-label.tsx';
import { useLocale } from '../../shell/locale.ts';
import { usePageRange } from '../../shell/page-range.ts';
import { PageTitle } from '../../shell/page-title.tsx';
import { goToQuery, placeStore } from '../../shell/place.ts';
import { Choice } from '../../shell/settings-dialog.tsx';
import { sorted } from '../../shell/sorting.ts';
import { useStore } from '../../shell/store.ts';
import { named } from '../../words/state-names.ts';
import { CompareCard } from './compare-card.tsx';
import { comparedOf, howMade, MEASURES, type Measure, measureOf, toggled, valueOf } from './measures.ts';
import { Ranking } from './ranking.tsx';
import { StatesMap } from './states-map.tsx';
import { StatesTable } from './states-table.tsx';

export function AllStates() {
  const { t, f } = useLocale();
  const { range, isLive } = usePageRange();
  const query = new URLSearchParams({ from: range.from, to: range.to });
  const { value: reply, failure, retry, isLoading } = useFresh<StatesReply>(`/api/v1/states?${query}`, isLive);
  const value = useMemo(() => reply && { ...reply, states: named(reply.states, f.language) }, [reply, f.language]);
  return (
    <>
      <PageTitle text={t('states.title')}>
        <DataLabel class="chip" />
      </PageTitle>
      {failure !== undefined && <Failure failure={failure} retry={retry} />}
      {value === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {value !== undefined && <Places reply={value} isLoading={isLoading} />}
    </>
  );
}

function Places({ reply, isLoading }: { reply: StatesReply; isLoading: boolean }) {
  const { t, f } = useLocale();
  const { query } = useStore(placeStore);
  const [active, setActive] = useState<string | undefined>(undefined);
  const own = new URLSearchParams(query);
  const measure = measureOf(own.get('measure'));
  const codes = comparedOf(own.get('with'), new Set(reply.states.map(({ state }) => state)));
  const hours = hoursOf(reply);
  const rows = sorted(
    reply.states,
    (row) => valueOf(row, measure, hours),
    true,
    (a, b) => a.localeCompare(b),
  );
  const options = MEASURES.map((value) => ({ value, words: t(`states.measure.${value}`) }));
  const toggle = (code: string) => goToQuery({ with: toggled(codes, code).join(',') }, 'replace');
  const shared = { rows, measure, hours, active, onActive: setActive };
  const isNobody = reply.states.every(({ reporting }) => reporting === 0);
  return (
    <>
      <section class="card" aria-busy={isLoading}>
        <div class="card-head">
          <div>
            <h2 class="hidden">{t('states.measure')}</h2>
            <p class="lead" id="how-made">
              {totalHowMade(reply.states, measure, { t, f })}
            </p>
          </div>
          <Choice
            name="measure"
            title={t('states.measure')}
            isTitleHidden
            options={options}
            value={measure}
            onChoose={(its: Measure) => goToQuery({ measure: its === 'kwh' ? '' : its })}
          />
        </div>
        {isNobody && <Emptiness table={{ fromMs: Date.parse(reply.from ?? ''), toMs: Date.parse(reply.to ?? '') }} />}
        <div class="map-and-ranking figures">
          <StatesMap {...shared} />
          <Ranking {...shared} compared={codes} onCompare={toggle} />
        </div>
      </section>
      {codes.length > 0 && <CompareCard rows={reply.states} hours={hours} codes={codes} onRemove={toggle} />}
      <StatesTable rows={reply.states} hours={hours} priceEurPerKwh={reply.priceEurPerKwh} />
    </>
  );
}

function hoursOf({ from, to }: StatesReply): number | null {
  return from === null || to === null ? null : (Date.parse(to) - Date.parse(from)) / MS_PER_HOUR;
}

/** Of all reporting households together; each state says its own beside its figure. */
function totalHowMade(rows: readonly StateRow[], measure: Measure, locale: Parameters<typeof howMade>[1]): string {
  const { t } = locale;
  if (measure === 'households') return t('states.householdsNote');
  if (measure === 'coverage') return t('states.coverageNote');
  const reporting = rows.reduce((sum, row) => sum + row.reporting, 0);
  if (reporting === 0) return t('states.nobodyReports');
  const coveredHours = rows.reduce((sum, row) => sum + row.coveredHours * row.reporting, 0) / reporting;
  if (measure === 'w') return t('states.meanNote');
  return howMade({ reporting, coveredHours }, locale);
}
