/** The 16 states as bars and as the same rows in a table, with how the figures were made. */
import type { StateRow } from '../../server/api/api-types.ts';
import { BarChart, type BarRow, type ChartStyle } from '../charts.ts';
import { counted, eur, hours, kwh, marked, NO_VALUE, power, price } from '../format.ts';
import { ordered, type Typical } from '../page-state.ts';
import { drawnNote, drawnSentence } from '../words.ts';
import { byId, setHidden, setText, Table } from './elements.ts';

const TITLES = ['State', 'Households', 'Mean power', 'kWh a year', 'EUR a year', 'Data', 'Drawn postal codes'];

export class StatesView {
  private readonly canvas = byId<HTMLCanvasElement>('chart');
  private readonly chart = new BarChart(this.canvas, readStyle);
  private readonly caption = document.createElement('span');
  private readonly table = new Table(byId('states-table'), this.caption, TITLES);
  private drawn = '';

  /** Nothing is drawn again for the same rows. */
  show(rows: readonly StateRow[], typical: Typical | null, priceEurPerKwh: number, dataLabel: string): void {
    const isEmpty = typical === null;
    setHidden(byId('waiting'), !isEmpty);
    setHidden(byId('chart-box'), isEmpty);
    setHidden(byId('order'), isEmpty);
    if (isEmpty) return;
    setText(byId('extrapolation'), extrapolation(typical, priceEurPerKwh));
    setText(byId('drawn'), drawnSentence(rows));
    setHidden(byId('drawn'), drawnSentence(rows) === '');
    const key = JSON.stringify([rows, priceEurPerKwh]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.chart.draw(rows.map(barRow), priceEurPerKwh, `EUR a year at ${price(priceEurPerKwh)}`);
    this.canvas.setAttribute('aria-label', summary(rows));
    setText(this.caption, `A typical household’s year, by state${dataLabel === '' ? '' : ` (${dataLabel} data)`}`);
    this.table.show(
      rows.map(tableRow),
      rows.map((row) => (row.annualKwh === null ? 'missing' : '')),
    );
  }

  restyle(): void {
    this.drawn = '';
    this.chart.restyle();
  }
}

function extrapolation(typical: Typical, priceEurPerKwh: number): string {
  const length = `${marked(hours(typical.coveredHours), typical.rough)} of readings`;
  const sources = `from ${counted(typical.reporting, 'household')} with ${length} each on average`;
  const caution = typical.rough ? ' Less than an hour: take it as a first guess (~).' : '';
  return `Mean power in W × 8.76 (8,760 h), extrapolated ${sources}; EUR at ${price(priceEurPerKwh)}.${caution}`;
}

function barRow(row: StateRow): BarRow {
  return {
    name: row.name,
    value: row.annualKwh,
    valueText: marked(kwh(row.annualKwh), row.rough),
    secondText: marked(eur(row.annualEur), row.rough),
    missing: missing(row),
    details: [
      `${marked(kwh(row.annualKwh), row.rough)} a year, ${marked(eur(row.annualEur), row.rough)}`,
      `mean power ${power(row.meanW)}`,
      `from ${counted(row.reporting, 'household')}, ${hours(row.coveredHours)} each`,
      ...(row.drawn === 0 ? [] : [drawnNote(row)]),
    ],
  };
}

function tableRow(row: StateRow): string[] {
  const isMissing = row.annualKwh === null;
  return [
    row.name,
    row.households === 0 ? 'no household' : String(row.households),
    power(row.meanW),
    marked(kwh(row.annualKwh), row.rough),
    marked(eur(row.annualEur), row.rough),
    isMissing ? NO_VALUE : hours(row.coveredHours),
    row.households === 0 ? NO_VALUE : String(row.drawn),
  ];
}

function missing(row: StateRow): string {
  return row.households === 0 ? 'no household' : 'no reading yet';
}

function summary(rows: readonly StateRow[]): string {
  const [highest, ...others] = ordered(rows, 'kwh').filter((row) => row.annualKwh !== null);
  const lowest = others.at(-1);
  const count = `Bar chart: a typical household's year in ${others.length + 1} of ${rows.length} states, the others are without figures.`;
  const extremes = `${extreme('Highest', highest)}${extreme('Lowest', lowest)}`;
  return `${count}${extremes} The same figures are in the table below.`;
}

function extreme(word: string, row: StateRow | undefined): string {
  return row === undefined ? '' : ` ${word}: ${row.name}, ${marked(kwh(row.annualKwh), row.rough)}.`;
}

function readStyle(): ChartStyle {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: of('--text'),
    muted: of('--muted'),
    grid: of('--grid'),
    bar: of('--bar'),
    barNegative: of('--bar-negative'),
    hatch: of('--hatch'),
    surface: of('--surface'),
    font: getComputedStyle(document.body).fontFamily,
  };
}
