/** The charts on the page, so that the header can export them. A chart puts itself here while it is shown. */
import type { ComponentChildren } from 'preact';
import type { SeriesTable } from '../data/series.ts';
import { Store } from '../shell/store.ts';

export interface ShownChart {
  /** Its title, which no other chart of the page has. */
  id: string;
  title: string;
  table: SeriesTable;
  /** Names of the series, by reference. */
  labels: ReadonlyMap<string, string>;
  /** The picture as a data: address; undefined while a table stands in its place. */
  picture: () => string | undefined;
  /** What can be taken away, where it is not what every chart offers. */
  items?: (close: () => void) => ComponentChildren;
}

export const charts = new Store<readonly ShownChart[]>([]);

/** @returns takes it away again */
export function showChart(chart: ShownChart): () => void {
  charts.set([...charts.get().filter(({ id }) => id !== chart.id), chart]);
  return () => charts.set(charts.get().filter((its) => its !== chart));
}
