/** One state: its figures and how they were made, the hours of its days, its course, its households. */
import { useMemo } from 'preact/hooks';
import type { StateDetailReply } from '../../../server/api/api-types.ts';
import { Emptiness, Failure } from '../../charts/chart-states.tsx';
import { SeriesChart } from '../../charts/series-chart.tsx';
import { marked } from '../../format.ts';
import { shortHousehold } from '../../live/alert-words.ts';
import { useFresh } from '../../data/use-fresh.ts';
import { DataLabel } from '../../shell/data-label.tsx';
import { type Fact, FactList } from '../../shell/fact-list.tsx';
import { useLocale } from '../../shell/locale.ts';
import { usePageRange } from '../../shell/page-range.ts';
import { PageTitle } from '../../shell/page-title.tsx';
import { addressOf } from '../../shell/place.ts';
import { stateName } from '../../words/state-names.ts';
import { DayProfile } from './day-profile.tsx';
import { howMade, isExtrapolated, missingText } from './measures.ts';

const NOT_FOUND = 404;
/** Links beside each other; the list of households has them all. */
const LINKS_MAX = 60;

export function OneState({ code }: { code: string }) {
  const { t, f } = useLocale();
  const { range, zone, isLive } = usePageRange();
  const query = new URLSearchParams({ from: range.from, to: range.to, tz: zone });
  const { value: reply, failure, retry } = useFresh<StateDetailReply>(`/api/v1/states/${encodeURIComponent(code)}?${query}`, isLive);
  const name = stateName(code, f.language);
  const value = useMemo(() => reply && { ...reply, state: { ...reply.state, name } }, [reply, name]);
  if (failure?.status === NOT_FOUND) return <NoSuchState code={code} />;
  return (
    <>
      <PageTitle text={name}>
        <DataLabel class="chip" />
        <a href={addressOf('/states')}>{t('states.toAll')}</a>
      </PageTitle>
      {failure !== undefined && <Failure failure={failure} retry={retry} />}
      {value === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {value !== undefined && <Detail reply={value} />}
    </>
  );
}

function NoSuchState({ code }: { code: string }) {
  const { t } = useLocale();
  return (
    <>
      <PageTitle text={t('states.unknown')} />
      <div class="empty">
        <p>{t('states.unknownNote', { code })}</p>
        <a class="primary" href={addressOf('/states')}>
          {t('states.toAll')}
        </a>
      </div>
    </>
  );
}

function Detail({ reply }: { reply: StateDetailReply }) {
  const { t } = useLocale();
  const { state } = reply;
  const refs = useMemo(() => [`state:${state.state}.power`], [state.state]);
  if (state.households === 0) {
    return (
      <div class="empty">
        <p>
          <strong>{t('states.noHousehold')}</strong> {t('states.noHouseholdNote', { state: state.name })}
        </p>
        <a class="primary" href={addressOf('/states')}>
          {t('states.toAll')}
        </a>
      </div>
    );
  }
  const span = { fromMs: Date.parse(reply.from ?? ''), toMs: Date.parse(reply.to ?? '') };
  return (
    <>
      <Facts reply={reply} />
      {state.reporting === 0 ? (
        <Emptiness table={span} />
      ) : (
        <>
          <section class="card figures">
            <DayProfile reply={reply} />
          </section>
          <section class="card">
            <SeriesChart title={t('states.course')} refs={refs} label={() => state.name} />
            <p class="lead">{t('states.compareSum')}</p>
          </section>
        </>
      )}
      <Households reply={reply} />
    </>
  );
}

function Facts({ reply }: { reply: StateDetailReply }) {
  const locale = useLocale();
  const { t, f } = locale;
  const { state, energyKwh, coverage, priceEurPerKwh } = reply;
  const facts: Fact[] = [
    { name: t('states.measure.kwh'), content: marked(f.annual(state.annualKwh), state.rough) },
    { name: t('states.measure.w'), content: f.power(state.meanW) },
    { name: t('states.eurAt', { price: f.price(priceEurPerKwh) }), content: marked(f.eur(state.annualEur), state.rough) },
    { name: t('states.measure.households'), content: f.number(state.households) },
    { name: t('states.energy'), content: f.energy(energyKwh) },
    { name: t('states.measure.coverage'), content: f.percent(coverage, coverage !== null && coverage < 0.1 ? 1 : 0) },
  ];
  return (
    <section class="card">
      <FactList class="state-facts figures" facts={facts} />
      <p class="lead" id="how-made">
        {state.reporting === 0 ? missingText(state, locale) : howMade(state, locale)}{' '}
        {isExtrapolated(state) && <span class="tag warn">{t('states.extrapolated')}</span>}
      </p>
      {state.drawn > 0 && <p class="lead">{t('states.drawnNote', { drawn: state.drawn, n: state.households })}</p>}
    </section>
  );
}

function Households({ reply }: { reply: StateDetailReply }) {
  const { t } = useLocale();
  const { state, households } = reply;
  return (
    <section class="card" aria-labelledby="state-households-title">
      <div class="card-head">
        <h2 id="state-households-title">{t('states.householdsOf', { n: state.households })}</h2>
        <a href={addressOf('/households', { state: state.state })}>{t('states.toHouseholds')}</a>
      </div>
      <ul class="state-households">
        {households.slice(0, LINKS_MAX).map((household) => (
          <li key={household}>
            <a href={addressOf(`/households/${encodeURIComponent(household)}`)} title={household}>
              {shortHousehold(household)}
            </a>
          </li>
        ))}
      </ul>
      {state.households > LINKS_MAX && <p class="lead">{t('states.someHouseholds', { some: LINKS_MAX, all: state.households })}</p>}
    </section>
  );
}
