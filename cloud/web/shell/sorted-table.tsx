/** A table that its reader sorts by a click on a column's title; on a phone, where each row is a list, by a choice above it. */
import type { ComponentChildren } from 'preact';
import { Figure } from './figure.tsx';
import { useLocale } from './locale.ts';
import type { Sorting } from './sorting.ts';

export interface SortedColumn<Row> {
  key: string;
  title: string;
  isNumber?: boolean;
  /** False: there is no order by it. */
  isSortable?: boolean;
  /** A text that is an em dash says that there is no data. */
  cell: (row: Row) => ComponentChildren;
}

interface SortedTableProps<Row> {
  id: string;
  caption: string;
  columns: readonly SortedColumn<Row>[];
  /** Sorted already. */
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** For the style sheet. */
  stateOf?: (row: Row) => string;
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
}

export function SortedTable<Row>({ id, caption, columns, rows, keyOf, stateOf, sorting, onSort }: SortedTableProps<Row>) {
  const { t } = useLocale();
  const sortable = columns.filter(({ isSortable = true }) => isSortable);
  return (
    <div class="scroll" id={id} tabIndex={0} role="region" aria-label={caption}>
      <div class="sort-choice">
        <label>
          {t('table.sortBy')}{' '}
          <select value={sorting.by} onChange={(event) => onSort({ ...sorting, by: event.currentTarget.value })}>
            {sortable.map(({ key, title }) => (
              <option key={key} value={key}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <button type="button" aria-pressed={sorting.isDown} onClick={() => onSort({ ...sorting, isDown: !sorting.isDown })}>
          {t('table.greatestFirst')}
        </button>
      </div>
      <table class="cards-when-narrow sorted">
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.key} column={column} sorting={sorting} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-state={stateOf?.(row) ?? ''}>
              {columns.map((column, index) => (
                <Cell key={column.key} column={column} row={row} isFirst={index === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface HeadingProps<Row> {
  column: SortedColumn<Row>;
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
}

function Heading<Row>({ column, sorting, onSort }: HeadingProps<Row>) {
  const { key, title, isNumber = false, isSortable = true } = column;
  const look = isNumber ? 'number' : '';
  if (!isSortable) {
    return (
      <th scope="col" class={look}>
        {title}
      </th>
    );
  }
  const isIts = sorting.by === key;
  // Of numbers the greatest are looked for, of words the first.
  const next = isIts ? !sorting.isDown : isNumber;
  return (
    <th scope="col" class={look} aria-sort={isIts ? (sorting.isDown ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="sort" onClick={() => onSort({ by: key, isDown: next })}>
        {title}
        <span aria-hidden="true">{isIts ? (sorting.isDown ? '↓' : '↑') : ''}</span>
      </button>
    </th>
  );
}

function Cell<Row>({ column, row, isFirst }: { column: SortedColumn<Row>; row: Row; isFirst: boolean }) {
  const content = column.cell(row);
  const shown = typeof content === 'string' ? <Figure text={content} /> : content;
  const look = column.isNumber === true ? 'number' : '';
  if (isFirst) {
    return (
      <th scope="row" class={look}>
        {shown}
      </th>
    );
  }
  return (
    <td class={look} data-title={column.title}>
      {shown}
    </td>
  );
}
