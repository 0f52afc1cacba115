/** The rows of the list that are shown, each with a small course of its power over the page's range. */
import { useMemo } from 'preact/hooks';
import { Sparkline } from '../../charts/sparkline.tsx';
import { useSeries } from '../../data/use-series.ts';
import { useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { type SortedColumn, SortedTable } from '../../shell/sorted-table.tsx';
import type { Sorting } from '../../shell/sorting.ts';
import { shortHousehold } from '../../live/alert-words.ts';
import type { ListRow } from './list-rows.ts';

/** Points of a course: the hours of a day and a few more, for a range that begins at no hour. */
const COURSE_POINTS = 30;

interface ListTableProps {
  rows: readonly ListRow[];
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
}

export function ListTable({ rows, sorting, onSort }: ListTableProps) {
  const { t } = useLocale();
  const key = rows.map(({ household }) => household).join();
  const refs = useMemo(() => rows.map(({ household }) => `${household}.power`), [key]);
  const { value: courses } = useSeries(refs, COURSE_POINTS);
  const courseOf = useMemo(() => new Map(courses?.series.map(({ ref, mean }) => [ref, mean])), [courses]);
  return (
    <SortedTable
      id="households-table"
      caption={t('households.title')}
      columns={useColumns(courseOf)}
      rows={rows}
      keyOf={({ household }) => household}
      stateOf={({ age }) => (age === 'none' ? 'missing' : age)}
      sorting={sorting}
      onSort={onSort}
    />
  );
}

function useColumns(courseOf: ReadonlyMap<string, readonly (number | null)[]>): SortedColumn<ListRow>[] {
  const { t, f } = useLocale();
  const time = (at: string | null) => f.minute(at === null ? null : Date.parse(at));
  return [
    {
      key: 'household',
      title: t('households.household'),
      cell: ({ household }) => (
        <a href={addressOf(`/households/${encodeURIComponent(household)}`)} title={household}>
          {shortHousehold(household)}
        </a>
      ),
    },
    {
      key: 'state',
      title: t('households.state'),
      cell: ({ state, stateName }) => <a href={addressOf(`/states/${state}`)}>{stateName}</a>,
    },
    { key: 'postalCode', title: t('households.postalCode'), cell: (row) => <PostalCode row={row} /> },
    {
      key: 'edge',
      title: t('households.edge'),
      cell: ({ edge }) => (edge === null ? f.number(null) : <a href={addressOf(`/fleet/${encodeURIComponent(edge)}`)}>{edge}</a>),
    },
    { key: 'power', title: t('households.power'), isNumber: true, cell: ({ powerW }) => f.power(powerW) },
    { key: 'age', title: t('households.age'), cell: (row) => <Age row={row} /> },
    {
      key: 'course',
      title: t('households.course'),
      isSortable: false,
      cell: ({ household }) => (
        <Sparkline
          values={courseOf.get(`${household}.power`) ?? []}
          label={t('households.courseOf', { household: shortHousehold(household) })}
        />
      ),
    },
    { key: 'last', title: t('households.last'), isNumber: true, cell: ({ lastAt }) => time(lastAt) },
    { key: 'readings', title: t('households.readings'), isNumber: true, cell: ({ readings }) => f.number(readings) },
    { key: 'missing', title: t('households.missing'), isNumber: true, cell: ({ windowsMissing }) => f.number(windowsMissing) },
  ];
}

export function PostalCode({ row: { postalCode, postalCodeFrom } }: { row: Pick<ListRow, 'postalCode' | 'postalCodeFrom'> }) {
  const { t } = useLocale();
  const isDrawn = postalCodeFrom === 'drawn';
  return (
    <span title={isDrawn ? t('households.drawnNote') : t('households.fileNote')}>
      {postalCode}
      {isDrawn && <span class="tag warn">{t('households.drawn')}</span>}
    </span>
  );
}

export function Age({ row: { age, behindSeconds } }: { row: ListRow }) {
  const { t, f } = useLocale();
  const note = behindSeconds === null ? t('households.ageNone') : t('households.behind', { age: f.duration(behindSeconds) });
  return (
    <span class="age" data-age={age} title={note}>
      {t(`households.age.${age}`)}
      {age !== 'fresh' && behindSeconds !== null && ` · ${f.duration(behindSeconds)}`}
    </span>
  );
}
