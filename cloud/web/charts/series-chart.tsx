/** The usual chart of a page: these series over the page's range. */
import { useSeries } from '../data/use-series.ts';
import { TimeChart, type TimeChartProps } from './time-chart.tsx';

interface SeriesChartProps extends Omit<TimeChartProps, 'data'> {
  /** Series references. */
  refs: readonly string[];
  /** Buckets wanted where the page's resolution is `auto`. */
  points?: number;
}

export function SeriesChart({ refs, points, ...props }: SeriesChartProps) {
  return <TimeChart {...props} data={useSeries(refs, points)} />;
}
