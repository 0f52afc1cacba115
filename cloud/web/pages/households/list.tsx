/** Every household with its newest power and its age: to filter, to sort, in parts, to take away as CSV. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { HouseholdReply } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { download } from '../../charts/download.ts';
import { metaStore } from '../../data/meta.ts';
import { after } from '../../page-clock.ts';
import { dataEnds } from '../../live/data-ends.ts';
import { DataLabel } from '../../shell/data-label.tsx';
import { useLocale } from '../../shell/locale.ts';
import { PageTitle } from '../../shell/page-title.tsx';
import { goToQuery, placeStore } from '../../shell/place.ts';
import { settingsStore } from '../../shell/settings.ts';
import { sorted, sortingOf, sortingText } from '../../shell/sorting.ts';
import { useStore } from '../../shell/store.ts';
import { stateName } from '../../words/state-names.ts';
import { AGES, type Filter, filtered, type ListRow, listCsv, listRow, pageOf, SORTS, sortValue } from './list-rows.ts';
import { ListTable } from './list-table.tsx';
import { useHouseholds } from './use-households.ts';

/** Rows drawn at once: as many as one question for their small courses may name, halved. */
const PAGE_ROWS = 50;
/** A reader who types is not asked to wait, and neither is the address changed with every letter. */
const TYPED_AFTER_MS = 250;
const BY_NAME = { by: 'household', isDown: false };

export function HouseholdList() {
  const { t } = useLocale();
  const { value, failure, retry } = useHouseholds();
  return (
    <>
      <PageTitle text={t('households.title')}>
        <DataLabel class="chip" />
      </PageTitle>
      {failure !== undefined && <Failure failure={failure} retry={retry} />}
      {value === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {value !== undefined && value.length === 0 && (
        <div class="empty">
          <p>
            <strong>{t('households.none')}</strong> {t('households.noneNote')}
          </p>
        </div>
      )}
      {value !== undefined && value.length > 0 && <Listed households={value} />}
    </>
  );
}

function Listed({ households }: { households: readonly HouseholdReply[] }) {
  const { t } = useLocale();
  const own = new URLSearchParams(useStore(placeStore).query);
  const rows = useRows(households);
  const filter: Filter = {
    text: own.get('q') ?? '',
    state: own.get('state') ?? '',
    edge: own.get('edge') ?? '',
    age: own.get('age') ?? '',
  };
  const sorting = sortingOf(own.get('sort'), SORTS, BY_NAME);
  const shown = sorted(
    filtered(rows, filter),
    (row) => sortValue(row, sorting.by),
    sorting.isDown,
    (a, b) => a.localeCompare(b, 'de'),
  );
  const part = pageOf(shown, Number(own.get('part') ?? 1) - 1, PAGE_ROWS);
  const goToPart = (part: number) => goToQuery({ part: part === 0 ? '' : String(part + 1) });
  return (
    <section class="card figures">
      <Filters rows={rows} filter={filter} found={shown} />
      {shown.length === 0 ? (
        <div class="empty">
          <p>
            <strong>{t('households.nobody')}</strong> {t('households.nobodyNote', { n: rows.length })}
          </p>
          <button type="button" class="primary" onClick={() => goToQuery({ q: '', state: '', edge: '', age: '', part: '' })}>
            {t('households.clear')}
          </button>
        </div>
      ) : (
        <ListTable
          rows={part.rows}
          sorting={sorting}
          onSort={(next) => goToQuery({ sort: sortingText(next) === 'household' ? '' : sortingText(next), part: '' }, 'replace')}
        />
      )}
      {part.pages > 1 && (
        <nav class="parts" aria-label={t('households.parts')}>
          <button type="button" disabled={part.page === 0} onClick={() => goToPart(part.page - 1)}>
            {t('households.previous')}
          </button>
          <span>
            {t('households.part', { from: part.page * PAGE_ROWS + 1, to: part.page * PAGE_ROWS + part.rows.length, all: shown.length })}
          </span>
          <button type="button" disabled={part.page === part.pages - 1} onClick={() => goToPart(part.page + 1)}>
            {t('households.next')}
          </button>
        </nav>
      )}
    </section>
  );
}

function useRows(households: readonly HouseholdReply[]): ListRow[] {
  const { f } = useLocale();
  const { latestMs } = useStore(dataEnds);
  const windowSeconds = useStore(metaStore)?.windowSeconds ?? 5;
  // The newest window that this list knows of: what came after it was asked for is not held against anybody.
  const listedMs = useMemo(() => Math.max(...households.map(({ powerAt }) => (powerAt === null ? 0 : Date.parse(powerAt)))), [households]);
  const newestMs = latestMs === null ? null : listedMs === 0 ? latestMs : listedMs;
  return useMemo(
    () => households.map((row) => listRow(row, { latestMs: newestMs, windowSeconds, stateName: stateName(row.state, f.language) })),
    [households, newestMs, windowSeconds, f.language],
  );
}

function Filters({ rows, filter, found }: { rows: readonly ListRow[]; filter: Filter; found: readonly ListRow[] }) {
  const { t, f } = useLocale();
  const [text, setText] = useState(filter.text);
  useEffect(() => setText(filter.text), [filter.text]);
  useEffect(() => {
    if (text === filter.text) return undefined;
    return after(TYPED_AFTER_MS, () => goToQuery({ q: text, part: '' }, 'replace'));
  }, [text]);
  const states = useMemo(
    () => [...new Map(rows.map(({ state, stateName }) => [state, stateName]))].sort((a, b) => a[1].localeCompare(b[1], f.language)),
    [rows, f.language],
  );
  const edges = useMemo(() => [...new Set(rows.map(({ edge }) => edge ?? ''))].filter(Boolean).sort(), [rows]);
  const ages = AGES.map((age): [string, string] => [age, t(`households.age.${age}`)]);
  return (
    <div class="filters">
      <input
        type="search"
        data-search=""
        value={text}
        placeholder={t('households.search')}
        aria-label={t('households.search')}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <Select name="state" title={t('households.state')} value={filter.state} options={states} />
      <Select name="edge" title={t('households.edge')} value={filter.edge} options={edges.map((edge) => [edge, edge])} />
      <Select name="age" title={t('households.age')} value={filter.age} options={ages} />
      <span class="lead" id="found" aria-live="polite">
        {found.length === rows.length
          ? t('households.all', { n: rows.length })
          : t('households.found', { some: found.length, n: rows.length })}
      </span>
      <button type="button" onClick={() => download('fogline-households.csv', 'text/csv', listCsv(found, settingsStore.get().csv))}>
        {t('chart.csv')}
      </button>
    </div>
  );
}

interface SelectProps {
  name: 'state' | 'edge' | 'age';
  title: string;
  value: string;
  options: readonly (readonly [value: string, words: string])[];
}

function Select({ name, title, value, options }: SelectProps) {
  const { t } = useLocale();
  const choose = (its: string) => goToQuery({ [name]: its, part: '' });
  return (
    <select id={`filter-${name}`} aria-label={title} value={value} onChange={(event) => choose(event.currentTarget.value)}>
      <option value="">{t('households.every', { title })}</option>
      {options.map(([its, words]) => (
        <option key={its} value={its}>
          {words}
        </option>
      ))}
    </select>
  );
}
