/** A table of words: on a phone each row becomes a small list of names and values. */
import type { ComponentChildren } from 'preact';
import { Figure } from './figure.tsx';

export interface Column {
  title: string;
  isNumber?: boolean;
}

export interface Row {
  key: string;
  /** For the style sheet. */
  state?: string;
  /** One per column; a text that is an em dash says that there is no data. */
  cells: readonly (string | { text: string; content: ComponentChildren })[];
}

interface DataTableProps {
  id: string;
  columns: readonly Column[];
  rows: readonly Row[];
  caption?: string;
  class?: string;
}

export function DataTable({ id, columns, rows, caption = '', class: look = '' }: DataTableProps) {
  return (
    <div class={`scroll ${look}`} id={id}>
      <table class="cards-when-narrow">
        {caption !== '' && <caption>{caption}</caption>}
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber === true ? 'number' : ''}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} data-state={row.state ?? ''}>
              {row.cells.map((cell, index) => {
                const column = columns[index];
                const content = typeof cell === 'string' ? <Figure text={cell} /> : cell.content;
                const look = column?.isNumber === true ? 'number' : '';
                if (index === 0) {
                  return (
                    <th key={column?.title} scope="row" class={look}>
                      {content}
                    </th>
                  );
                }
                return (
                  <td key={column?.title} class={look} data-title={column?.title}>
                    {content}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
