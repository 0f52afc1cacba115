/** The page: live messages change the state, the state is drawn, once a second its age is drawn anew. */
import { openLive } from './api-client.ts';
import { power } from './format.ts';
import { EMPTY, freshness, type Order, ordered, type PageState, typical, withConnection, withEdge, withLive } from './page-state.ts';
import { every, nowMs } from './page-clock.ts';
import { AlertsView } from './views/alerts-view.ts';
import { EdgesView } from './views/edges-view.ts';
import { byId, setHidden, setText } from './views/elements.ts';
import { StatesView } from './views/states-view.ts';
import { showStatus } from './views/status-view.ts';
import { TickerView } from './views/ticker-view.ts';
import { showTiles } from './views/tiles-view.ts';

const states = new StatesView();
const alerts = new AlertsView();
const edges = new EdgesView();
const ticker = new TickerView();
const dataLabels = document.querySelectorAll<HTMLElement>('[data-label]');
let state: PageState = EMPTY;
let order: Order = 'name';

function draw(): void {
  const fresh = freshness(state, nowMs());
  showStatus(fresh);
  const { live } = state;
  if (live === null) return;
  const rows = ordered(state.states.values(), order);
  const average = typical(rows);
  showDataLabel(live.dataLabel);
  showTiles(live, average, fresh);
  states.show(rows, average, live.priceEurPerKwh, live.dataLabel);
  alerts.show(live, fresh.kind === 'cut');
  edges.show(live, nowMs() - state.arrivedMs, fresh.kind === 'cut');
  ticker.show(ordered(rows, 'name'), live.priceEurPerKwh);
  const label = live.dataLabel === '' ? '' : ` (${live.dataLabel})`;
  document.title = live.totalPowerW === null ? 'Fogline' : `${power(live.totalPowerW)}${label} · Fogline`;
}

/** The label stands wherever figures do, so that no screenshot of them goes without it. */
function showDataLabel(label: string): void {
  for (const element of dataLabels) {
    setHidden(element, label === '');
    setText(element, label);
  }
  const source = label === '' ? '' : `The figures are made of ${label} data. `;
  setText(byId('provenance'), `${source}All times of readings are event times, UTC.`);
}

function change(next: PageState): void {
  state = next;
  draw();
}

function start(): void {
  byId('order').addEventListener('change', (event) => {
    order = (event.target as HTMLInputElement).value as Order;
    draw();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    states.restyle();
    draw();
  });
  every(1_000, draw);
  openLive({
    onLive: (message) => change(withLive(state, message, nowMs())),
    onEdge: (edge) => change(withEdge(state, edge)),
    onCut: () => change(withConnection(state, false)),
  });
  draw();
}

start();
