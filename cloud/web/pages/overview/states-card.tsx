/** The 16 states as bars and as the same rows in a table, with how the figures were made. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { StateRow } from '../../../server/api/api-types.ts';
import { readColours } from '../../charts/colours.ts';
import { BarChart, type BarRow } from '../../charts/state-bars.ts';
import { marked, NO_VALUE } from '../../format.ts';
import { liveStore } from '../../live/live.ts';
import { type Order, ordered, type PageState, type Typical, typical } from '../../live/page-state.ts';
import { DataLabel, useDataLabel } from '../../shell/data-label.tsx';
import { DataTable } from '../../shell/data-table.tsx';
import { asTables } from '../../shell/keys.ts';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { settingsStore, themeTurns } from '../../shell/settings.ts';
import { Choice } from '../../shell/settings-dialog.tsx';
import { useStore } from '../../shell/store.ts';
import { named } from '../../words/state-names.ts';
import { Waiting } from './waiting.tsx';

export function StatesCard() {
  const locale = useLocale();
  const { t } = locale;
  const state = useStore(liveStore);
  const [order, setOrder] = useState<Order>('name');
  const average = typical(state.states.values());
  const orders = [
    { value: 'name' as const, words: t('overview.byName') },
    { value: 'kwh' as const, words: t('overview.byKwh') },
  ];
  return (
    <section class="card" id="states" aria-labelledby="states-title">
      <div class="card-head">
        <div>
          <h2 id="states-title">
            {t('overview.states')} <DataLabel />
          </h2>
          {average !== null && <HowMade state={state} average={average} />}
        </div>
        {average !== null && (
          <>
            <a href={addressOf('/states')}>{t('overview.statesLink')}</a>
            <Choice name="order" title={t('overview.order')} isTitleHidden options={orders} value={order} onChoose={setOrder} />
          </>
        )}
      </div>
      {average === null ? <Waiting /> : <States rows={ordered(named(state.states.values(), locale.f.language), order)} />}
    </section>
  );
}

function HowMade({ state, average }: { state: PageState; average: Typical }) {
  const { t, f } = useLocale();
  const price = f.price(state.live?.priceEurPerKwh ?? null);
  const length = marked(f.length(average.coveredHours), average.rough);
  const drawn = drawnSentence([...state.states.values()], { t, f });
  const how = `${t('overview.extrapolation', { n: average.reporting, length, price })} ${t('overview.ofAllData')}`;
  return (
    <>
      <p class="lead" id="extrapolation">
        {average.rough ? `${how} ${t('overview.rough')}` : how}
      </p>
      {drawn !== '' && (
        <p class="lead" id="drawn">
          {drawn}
        </p>
      )}
    </>
  );
}

function States({ rows }: { rows: readonly StateRow[] }) {
  const locale = useLocale();
  const { t, f } = locale;
  const { language } = useStore(settingsStore);
  const turns = useStore(themeTurns);
  const { live } = useStore(liveStore);
  const label = useDataLabel();
  const isOpen = useStore(asTables);
  const price = live?.priceEurPerKwh ?? 0;
  const canvas = useRef<HTMLCanvasElement>(null);
  const chart = useRef<BarChart | undefined>(undefined);
  // Nothing is drawn again for the same rows.
  const key = JSON.stringify([rows, price, turns, language]);
  // In one frame with the table: after it the picture would show other rows than the words beside it.
  useLayoutEffect(() => {
    if (canvas.current === null) return;
    const colours = readColours();
    chart.current ??= new BarChart(canvas.current, colours);
    chart.current.restyle(colours);
    const titles = { title: t('overview.kwhAYear'), secondTitle: t('overview.eurAYear', { price: f.price(price) }) };
    chart.current.draw(
      rows.map((row) => barRow(row, locale)),
      { ...titles, secondPerValue: price, tick: (value) => f.number(value, 1, 0) },
    );
  }, [key]);
  useEffect(() => () => chart.current?.destroy(), []);
  const numbers = [t('overview.households'), t('overview.meanPower'), t('overview.kwhAYear'), t('overview.eurColumn'), t('overview.data')];
  const columns = [t('overview.state'), ...numbers, t('overview.drawnColumn')].map((title, index) => ({ title, isNumber: index > 0 }));
  const caption = label === '' ? t('overview.tableCaption') : `${t('overview.tableCaption')} ${t('overview.tableLabel', { label })}`;
  return (
    <div class="figures" id="chart-box">
      <div class="canvas-box">
        <canvas id="chart" ref={canvas} role="img" aria-label={summary(rows, locale)} aria-describedby="extrapolation" />
      </div>
      <details id="table-box" open={isOpen}>
        <summary>{t('chart.asTable')}</summary>
        <DataTable
          id="states-table"
          columns={columns}
          caption={caption}
          rows={rows.map((row) => ({ key: row.state, state: row.annualKwh === null ? 'missing' : '', cells: tableRow(row, locale) }))}
        />
      </details>
    </div>
  );
}

function barRow(row: StateRow, { t, f }: Locale): BarRow {
  const kwh = marked(f.annual(row.annualKwh), row.rough);
  const eur = marked(f.eur(row.annualEur), row.rough);
  return {
    name: row.name,
    value: row.annualKwh,
    valueText: kwh,
    secondText: eur,
    missing: row.households === 0 ? t('overview.noHousehold') : t('overview.noReading'),
    details: [
      t('overview.detailYear', { kwh, eur }),
      t('overview.detailPower', { power: f.power(row.meanW) }),
      t('overview.detailFrom', { n: row.reporting, length: f.length(row.coveredHours) }),
      ...(row.drawn === 0 ? [] : [t('overview.drawnNote', { drawn: row.drawn, n: row.households })]),
    ],
  };
}

function tableRow(row: StateRow, { t, f }: Locale): string[] {
  const isMissing = row.annualKwh === null;
  return [
    row.name,
    row.households === 0 ? t('overview.noHousehold') : f.number(row.households),
    f.power(row.meanW),
    marked(f.annual(row.annualKwh), row.rough),
    marked(f.eur(row.annualEur), row.rough),
    isMissing ? NO_VALUE : f.length(row.coveredHours),
    row.households === 0 ? NO_VALUE : f.number(row.drawn),
  ];
}

function drawnSentence(rows: readonly StateRow[], { t }: Locale): string {
  const n = rows.reduce((sum, row) => sum + row.households, 0);
  const drawn = rows.reduce((sum, row) => sum + row.drawn, 0);
  return drawn === 0 ? '' : t('overview.drawn', { drawn, n });
}

function summary(rows: readonly StateRow[], { t, f }: Locale): string {
  const known = ordered(rows, 'kwh').filter((row) => row.annualKwh !== null);
  const [highest] = known;
  const lowest = known.length > 1 ? known.at(-1) : undefined;
  const kwh = (row: StateRow) => marked(f.annual(row.annualKwh), row.rough);
  const words = [t('overview.statesSummary', { some: known.length, all: rows.length })];
  if (highest !== undefined) words.push(t('overview.highest', { state: highest.name, kwh: kwh(highest) }));
  if (lowest !== undefined) words.push(t('overview.lowest', { state: lowest.name, kwh: kwh(lowest) }));
  return [...words, t('overview.sameInTable')].join(' ');
}
