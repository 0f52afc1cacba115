/** The price ticker: what a typical household's year costs, state by state, moving unless it all fits or the reader stops it. */
import type { StateRow } from '../../server/api/api-types.ts';
import { eur, marked, price } from '../format.ts';
import { byId, setText } from './elements.ts';

export class TickerView {
  private readonly tape = byId('tape');
  private readonly pause = byId<HTMLButtonElement>('tape-pause');
  /** The tape holds its items twice, so that it can run round without a hole; the copy is not read out. */
  private readonly lists = [document.createElement('ul'), document.createElement('ul')];

  constructor() {
    const track = document.createElement('div');
    track.className = 'track';
    track.append(...this.lists);
    this.lists[1]?.setAttribute('aria-hidden', 'true');
    this.tape.append(track);
    this.pause.addEventListener('click', () => {
      const paused = this.pause.getAttribute('aria-pressed') !== 'true';
      this.pause.setAttribute('aria-pressed', String(paused));
      this.tape.dataset['paused'] = String(paused);
    });
  }

  show(rows: readonly StateRow[], priceEurPerKwh: number): void {
    setText(byId('price'), price(priceEurPerKwh));
    const priced = rows.filter((row) => row.annualEur !== null);
    this.tape.dataset['empty'] = String(priced.length === 0);
    for (const list of this.lists) showItems(list, priced);
    this.tape.dataset['still'] = String((this.lists[0]?.offsetWidth ?? 0) <= this.tape.clientWidth);
  }
}

/** Texts are changed in place: new elements would start the movement again. */
function showItems(list: HTMLUListElement, rows: readonly StateRow[]): void {
  while (list.children.length > rows.length) list.lastElementChild?.remove();
  while (list.children.length < rows.length) {
    const item = document.createElement('li');
    item.append(document.createElement('span'), document.createElement('strong'));
    list.append(item);
  }
  for (const [index, row] of rows.entries()) {
    const [name, cost] = list.children[index]?.children ?? [];
    if (name instanceof HTMLElement) setText(name, row.name);
    if (cost instanceof HTMLElement) setText(cost, `${marked(eur(row.annualEur), row.rough)} a year`);
  }
}
