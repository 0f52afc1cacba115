/** The page's elements. Text goes in as text, never as HTML, and only when it changed, so that nothing is announced twice. */

/** @throws Error when index.html has no such element: a bug of the page */
export function byId<E extends HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element #${id}`);
  return element as E;
}

export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/** A table whose rows are replaced cell by cell: selection and scroll position stay. */
export class Table {
  private readonly body: HTMLTableSectionElement;
  private readonly titles: readonly string[];

  constructor(box: HTMLElement, caption: HTMLElement, titles: readonly string[]) {
    this.titles = titles;
    const table = document.createElement('table');
    const captionElement = document.createElement('caption');
    captionElement.append(caption);
    const head = document.createElement('tr');
    for (const title of titles) {
      const cell = document.createElement('th');
      cell.scope = 'col';
      cell.textContent = title;
      head.append(cell);
    }
    this.body = document.createElement('tbody');
    const thead = document.createElement('thead');
    thead.append(head);
    table.append(captionElement, thead, this.body);
    box.append(table);
  }

  /** @param states one per row, for the style sheet */
  show(rows: readonly (readonly string[])[], states: readonly string[]): void {
    while (this.body.rows.length > rows.length) this.body.deleteRow(-1);
    while (this.body.rows.length < rows.length) this.addRow();
    for (const [index, cells] of rows.entries()) {
      const row = this.body.rows[index];
      if (row === undefined) continue;
      row.dataset['state'] = states[index] ?? '';
      for (const [column, text] of cells.entries()) {
        const cell = row.cells[column];
        if (cell !== undefined) setText(cell, text);
      }
    }
  }

  private addRow(): void {
    const row = this.body.insertRow();
    for (const [column, title] of this.titles.entries()) {
      const cell = document.createElement(column === 0 ? 'th' : 'td');
      if (column === 0) cell.setAttribute('scope', 'row');
      cell.dataset['title'] = title;
      row.append(cell);
    }
  }
}
