/**
 * The one door to prom-client: a registry of counters, gauges and histograms that an edge or a cloud serves as text.
 * Names are `fogline_<noun>_<unit>[_total]`. Labels have few values; never a household.
 */
import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string | number>>;

export interface Counter {
  /** Never negative. */
  add(amount?: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
  /** Forgets all label values, so that a value whose owner is gone does not stay for ever. */
  reset(): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export class Metrics {
  private readonly registry = new Registry();

  readonly contentType: string = this.registry.contentType;

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const counter = new PromCounter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
    return { add: (amount = 1, labels = {}) => counter.inc({ ...labels }, amount) };
  }

  /** @param read called before each text(), for values that are cheaper to look up than to keep */
  gauge(name: string, help: string, labelNames: readonly string[] = [], read?: (gauge: Gauge) => void): Gauge {
    const gauge = new PromGauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      ...(read === undefined ? {} : { collect: () => read(ours) }),
    });
    const ours: Gauge = { set: (value, labels = {}) => gauge.set({ ...labels }, value), reset: () => gauge.reset() };
    return ours;
  }

  /** @param buckets upper bounds, ascending */
  histogram(name: string, help: string, buckets: readonly number[], labelNames: readonly string[] = []): Histogram {
    const histogram = new PromHistogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers: [this.registry] });
    return { observe: (value, labels = {}) => histogram.observe({ ...labels }, value) };
  }

  /**
   * Memory and CPU of this process, under the names that ready-made dashboards look for. Read on demand: prom-client's
   * own collection keeps an event-loop monitor running, which costs an idle process more than everything else it does.
   */
  addProcess(): void {
    this.gauge('process_resident_memory_bytes', 'Resident memory of the process.', [], (gauge) => gauge.set(process.memoryUsage.rss()));
    this.gauge('nodejs_heap_size_used_bytes', 'Heap in use.', [], (gauge) => gauge.set(process.memoryUsage().heapUsed));
    this.gauge('process_uptime_seconds', 'Seconds since the process started.', [], (gauge) => gauge.set(process.uptime()));
    const cpu = new PromCounter({
      name: 'process_cpu_seconds_total',
      help: 'User and system CPU seconds.',
      registers: [this.registry],
      collect() {
        const { user, system } = process.cpuUsage();
        cpu.reset();
        cpu.inc((user + system) / 1e6);
      },
    });
  }

  /**
   * Sum of a counter or gauge over its label values, undefined when nobody has registered it.
   * @param only values of a label that count; all of them unless given
   */
  async total(name: string, only: Readonly<Record<string, readonly string[]>> = {}): Promise<number | undefined> {
    const metric = this.registry.getSingleMetric(name);
    if (metric === undefined) return undefined;
    const { values } = await metric.get();
    const counted = values.filter(({ labels }) => Object.entries(only).every(([label, ones]) => ones.includes(String(labels[label]))));
    return counted.reduce((sum, { value }) => sum + value, 0);
  }

  /** Of a counter or gauge its values by those of the label, undefined when nobody has registered it. */
  async valuesBy(label: string, name: string): Promise<ReadonlyMap<string, number> | undefined> {
    const metric = this.registry.getSingleMetric(name);
    if (metric === undefined) return undefined;
    const { values } = await metric.get();
    return new Map(values.map(({ labels, value }) => [String(labels[label]), value]));
  }

  /** Names of all that is registered, sorted. */
  names(): string[] {
    return this.registry
      .getMetricsAsArray()
      .map(({ name }) => name)
      .sort();
  }

  /** Everything registered, in the Prometheus text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }
}
