/** A chart over time on a canvas: drawn once, then only its figures are changed. */
import type { ChartConfiguration, ChartDataset, Plugin } from 'chart.js';
import type { Formatter } from '../format.ts';
import { after } from '../page-clock.ts';
import type { Span } from '../zone-time.ts';
import { Chart } from './chart-engine.ts';
import { amountScale } from './amount-scale.ts';
import { type Colours, faded, hatching } from './colours.ts';
import { isAlone, type Point } from './points.ts';
import { type TimeTicks, timeTicks } from './time-ticks.ts';
import { tooltipLook } from './tooltip-look.ts';
import { isPart } from '../data/series.ts';
import { isPartOfSum, type TimeLine, type TimeModel } from './time-points.ts';

type Dataset = ChartDataset<'line' | 'bar', Point[]>;

export interface DrawingOptions {
  format: Formatter;
  locale: string;
  colours: Colours;
  /** The reader zoomed or moved to this span. */
  onSpan: (span: Span) => void;
  /** The point that the reader went to by keyboard; a mouse has the tooltip. */
  onActive: (index: number | undefined) => void;
  /** Lines of the tooltip at a point. */
  words: (index: number) => { title: string; lines: string[] };
}

/** A wheel turns in steps: the range is asked for when it has come to rest. */
const SETTLED_AFTER_MS = 150;
/** Boxes beyond it would take longer to draw than the figures; the longest are kept. */
const GAP_BOXES_MAX = 300;
const LINE_WIDTH_PX = 1.6;
/** Beyond so many, lines are thin: broad ones hide each other, and without a graphics card take thirty times as long. */
const MANY_LINES = 8;
const HAIR_WIDTH_PX = 1;
const BAND_OPACITY = 0.18;
const LONE_RADIUS_PX = 1.8;
const STACK_OPACITY = 0.45;
const SECOND_AXIS = 'second';
/** Room for a tick's label and some air. */
const TICK_PX = 54;
/** A line to or from a sum of a part of the households. */
const PART_DASH_PX = [1.5, 3.5];

export class TimeDrawing {
  private readonly chart: Chart<'line' | 'bar', Point[]>;
  private options: DrawingOptions;
  private model: TimeModel;
  private settle = (): void => undefined;

  constructor(canvas: HTMLCanvasElement, model: TimeModel, options: DrawingOptions) {
    this.options = options;
    this.model = model;
    this.chart = new Chart<'line' | 'bar', Point[]>(canvas, this.configuration() as ChartConfiguration<'line' | 'bar', Point[]>);
  }

  get kind(): TimeModel['kind'] {
    return this.model.kind;
  }

  draw(model: TimeModel, options: DrawingOptions): void {
    this.model = model;
    this.options = options;
    const next = this.configuration();
    this.chart.data = next.data as typeof this.chart.data;
    this.chart.options = next.options as typeof this.chart.options;
    this.chart.update('none');
  }

  /** By keyboard. */
  activate(index: number | undefined): void {
    const { chart } = this;
    // A period compared with may have fewer buckets: an hour less.
    const elements =
      index === undefined
        ? []
        : chart.data.datasets.flatMap(({ data }, datasetIndex) => (index < data.length ? [{ datasetIndex, index }] : []));
    chart.setActiveElements(elements);
    const x = index === undefined ? 0 : (chart.getDatasetMeta(0).data[index]?.x ?? 0);
    chart.tooltip?.setActiveElements(elements, { x, y: chart.chartArea.top });
    chart.update('none');
    this.options.onActive(index);
  }

  picture(): string {
    const { canvas } = this.chart;
    const copy = document.createElement('canvas');
    copy.width = canvas.width;
    copy.height = canvas.height;
    const context = copy.getContext('2d');
    if (context === null) return canvas.toDataURL('image/png');
    context.fillStyle = this.options.colours.surface;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(canvas, 0, 0);
    return copy.toDataURL('image/png');
  }

  destroy(): void {
    this.settle();
    this.chart.destroy();
  }

  private configuration() {
    return {
      type: this.model.kind,
      data: { datasets: this.model.lines.flatMap((line) => this.datasets(line)) },
      options: {
        animation: false as const,
        parsing: false as const,
        normalized: true,
        maintainAspectRatio: false,
        interaction: { mode: 'index' as const, intersect: false },
        scales: this.scales(),
        plugins: {
          legend: { display: false },
          tooltip: this.tooltip(),
          annotation: { annotations: this.gapBoxes() },
          zoom: this.zooming(),
        },
      },
      plugins: [this.crossHair()],
    };
  }

  /** The mean line; before it, where they are known, the band from least to greatest. */
  private datasets(line: TimeLine): Dataset[] {
    const { points, band, colour, isCompared, label, axis } = line;
    const { colours } = this.options;
    const yAxisID = axis === 'second' ? SECOND_AXIS : 'y';
    const its = colours.series[colour % colours.series.length] ?? colours.bar;
    if (this.model.kind === 'bar') return [{ ...bars(line, isCompared ? faded(its, 0.35) : its), yAxisID }];
    const mean: Dataset = {
      type: 'line',
      yAxisID,
      label,
      data: points,
      ...(this.model.isStacked === true ? { fill: 'stack', backgroundColor: faded(its, STACK_OPACITY) } : { backgroundColor: its }),
      borderColor: isCompared ? faded(its, 0.75) : its,
      borderWidth: this.model.lines.length > MANY_LINES ? HAIR_WIDTH_PX : LINE_WIDTH_PX,
      borderDash: isCompared ? [5, 4] : [],
      spanGaps: false,
      ...partly(line),
      // A bucket with none beside it has no line: it is a point.
      // A rule asked for every point takes most of the time of a drawing with many lines: only where it says anything.
      pointRadius: points.some((_, index) => isAlone(points, index))
        ? ({ dataIndex }: { dataIndex: number }) => (isAlone(points, dataIndex) ? LONE_RADIUS_PX : 0)
        : 0,
      pointHoverRadius: 4,
      pointHitRadius: 8,
    };
    if (band === undefined) return [mean];
    const edge = { type: 'line' as const, yAxisID, label: '', borderWidth: 0, pointRadius: 0, pointHoverRadius: 0, spanGaps: false };
    const fill = faded(its, BAND_OPACITY);
    return [mean, { ...edge, data: band.max, fill: '+1', backgroundColor: fill }, { ...edge, data: band.min }];
  }

  private scales() {
    const second = this.model.secondUnit;
    const right = { position: 'right' as const, grid: { drawOnChartArea: false } };
    return {
      x: this.timeScale(),
      y: this.amountScale('first'),
      ...(second === undefined ? {} : { [SECOND_AXIS]: { ...this.amountScale('second'), ...right } }),
    };
  }

  private timeScale() {
    const { colours, format, locale } = this.options;
    const { span, zone } = this.model;
    let ticks: TimeTicks = { startsMs: [], kind: 'minute' };
    return {
      type: 'time' as const,
      min: span.fromMs,
      max: span.toMs,
      offset: false,
      stacked: this.model.isStacked === true,
      adapters: { date: { zone, locale } },
      // Its own ticks are multiples of a minute or an hour from where the range happens to begin; thousands of times are made for them.
      afterBuildTicks: (scale: { min: number; max: number; width: number; ticks: { value: number }[] }) => {
        ticks = timeTicks({ fromMs: scale.min, toMs: scale.max }, zone, Math.max(2, Math.floor(scale.width / TICK_PX)));
        scale.ticks = ticks.startsMs.map((value) => ({ value }));
      },
      time: { unit: 'minute' as const },
      ticks: {
        source: 'labels' as const,
        color: colours.muted,
        font: this.font(),
        maxRotation: 0,
        autoSkip: false,
        padding: 6,
        callback: (value: number | string) => format.tick(Number(value), ticks.kind),
      },
      grid: { color: colours.grid, drawTicks: false },
      border: { display: false },
    };
  }

  private amountScale(which: 'first' | 'second') {
    const { colours, format } = this.options;
    const { unit, secondUnit = '', isStacked = false, fitsData } = this.model;
    const [own, fits] = which === 'first' ? [unit, fitsData?.first] : [secondUnit, fitsData?.second];
    const scale = amountScale({ unit: own, ...this.extremes(which), beginsAtZero: fits !== true }, format, colours);
    const colour = ({ tick }: { tick?: { value: number } }) => (tick?.value === 0 ? colours.muted : colours.grid);
    return { ...scale, stacked: isStacked, grid: { ...scale.grid, color: colour } };
  }

  /** Of all that is drawn on an axis. Nothing stacked is below the least or above the sum of the greatest. */
  private extremes(which: 'first' | 'second'): { least: number; greatest: number } {
    const its = this.model.lines.filter(({ axis = 'first' }) => axis === which).map(extremesOf);
    if (its.length === 0) return { least: 0, greatest: 0 };
    const greatest = its.map((line) => line.greatest);
    const least = Math.min(...its.map((line) => line.least));
    return { least, greatest: this.model.isStacked === true ? greatest.reduce((sum, one) => sum + one, 0) : Math.max(...greatest) };
  }

  private tooltip() {
    const { colours, words } = this.options;
    return {
      ...tooltipLook(colours),
      // One line for a series, however many datasets it is drawn with.
      filter: (item: { datasetIndex: number }, index: number) => index === 0 && item.datasetIndex >= 0,
      callbacks: {
        title: (items: { dataIndex: number }[]) => (items[0] === undefined ? '' : words(items[0].dataIndex).title),
        label: (item: { dataIndex: number }) => words(item.dataIndex).lines,
      },
    };
  }

  private gapBoxes() {
    const { colours } = this.options;
    const pattern = hatching(colours.hatch);
    const longest = [...this.model.gaps].sort((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs)).slice(0, GAP_BOXES_MAX);
    const boxes = longest.map(({ fromMs, toMs }, index) => [
      `gap${index}`,
      { type: 'box' as const, xMin: fromMs, xMax: toMs, backgroundColor: pattern, borderWidth: 0, drawTime: 'beforeDatasetsDraw' as const },
    ]);
    return Object.fromEntries(boxes);
  }

  private zooming() {
    const { colours } = this.options;
    const settled = () => {
      this.settle();
      this.settle = after(SETTLED_AFTER_MS, () => {
        const { min, max } = this.chart.scales['x'] ?? {};
        if (min === undefined || max === undefined) return;
        const { span } = this.model;
        if (min !== span.fromMs || max !== span.toMs) this.options.onSpan({ fromMs: min, toMs: max });
      });
    };
    return {
      limits: { x: { minRange: 10_000 } },
      zoom: {
        mode: 'x' as const,
        drag: { enabled: true, threshold: 6, backgroundColor: faded(colours.accent, 0.15), borderColor: colours.accent, borderWidth: 1 },
        wheel: { enabled: true, modifierKey: 'ctrl' as const },
        pinch: { enabled: true },
        onZoomComplete: settled,
      },
      pan: { enabled: true, mode: 'x' as const, modifierKey: 'shift' as const, onPanComplete: settled },
    };
  }

  /** A line through the active point, so that it can be followed down to its time. */
  private crossHair(): Plugin<'line' | 'bar'> {
    return {
      id: 'crossHair',
      afterDatasetsDraw: ({ ctx, chartArea, tooltip }) => {
        const active = tooltip?.getActiveElements()[0]?.element;
        if (active === undefined) return;
        ctx.save();
        ctx.strokeStyle = this.options.colours.muted;
        ctx.setLineDash([3, 3]);
        ctx.beginPath();
        ctx.moveTo(active.x, chartArea.top);
        ctx.lineTo(active.x, chartArea.bottom);
        ctx.stroke();
        ctx.restore();
      },
    };
  }

  private font() {
    return { family: this.options.colours.font, size: 11 };
  }
}

/** A rule asked for every piece of a line takes time: only where it says anything. */
function partly(line: TimeLine): Pick<ChartDataset<'line', Point[]>, 'segment'> {
  if (!line.isSum || !line.points.some((_, index) => isPartOfSum(line, index))) return {};
  const isPart = ({ p0DataIndex, p1DataIndex }: { p0DataIndex: number; p1DataIndex: number }) =>
    isPartOfSum(line, p0DataIndex) || isPartOfSum(line, p1DataIndex);
  return { segment: { borderDash: (piece) => (isPart(piece) ? PART_DASH_PX : undefined) } };
}

function extremesOf({ points, band }: TimeLine): { least: number; greatest: number } {
  let [least, greatest] = [Infinity, -Infinity];
  for (const { y } of band?.min ?? points) if (y < least) least = y;
  for (const { y } of band?.max ?? points) if (y > greatest) greatest = y;
  return least > greatest ? { least: 0, greatest: 0 } : { least, greatest };
}

/** A bar that is made of a part of its bucket's windows is hatched: it would be higher with all of them. */
function bars({ points, coverage, told, label }: TimeLine, fill: string): Dataset {
  const pattern = hatching(fill);
  const colour = ({ dataIndex }: { dataIndex: number }) => (isPart(coverage, told, dataIndex) ? pattern : fill);
  const size = { barPercentage: 0.92, categoryPercentage: 0.92, maxBarThickness: 60 };
  return { type: 'bar', label, data: points, backgroundColor: colour, borderColor: fill, borderWidth: 1, borderRadius: 2, ...size };
}
