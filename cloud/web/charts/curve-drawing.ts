/** Curves over a number (an hour of the day, a share of the time) on a canvas, with bands where extremes are known. */
import { type ChartDataset, LinearScale, LineController, LineElement, PointElement, Tooltip, Chart, Filler } from 'chart.js';
import type { Formatter } from '../format.ts';
import { amountScale } from './amount-scale.ts';
import { faded } from './colours.ts';
import type { PictureOptions } from './picture.tsx';
import { isAlone, type Point } from './points.ts';
import { tooltipLook } from './tooltip-look.ts';

Chart.register(Filler, LinearScale, LineController, LineElement, PointElement, Tooltip);

export interface Curve {
  label: string;
  points: readonly Point[];
  band?: { min: readonly Point[]; max: readonly Point[] };
}

export interface CurveModel {
  curves: readonly Curve[];
  unit: string;
  format: Formatter;
  x: { title: string; min: number; max: number; step: number; tick: (x: number) => string };
}

const BAND_OPACITY = 0.16;

export class CurveDrawing {
  private readonly chart: Chart<'line', Point[]>;
  private readonly options: PictureOptions;

  constructor(canvas: HTMLCanvasElement, model: CurveModel, options: PictureOptions) {
    this.options = options;
    this.chart = new Chart<'line', Point[]>(canvas, { type: 'line', ...this.configuration(model) });
  }

  draw(model: CurveModel): void {
    const { data, options } = this.configuration(model);
    this.chart.data = data;
    this.chart.options = options as typeof this.chart.options;
    this.chart.update('none');
  }

  activate(index: number | undefined): void {
    const elements = index === undefined ? [] : this.chart.data.datasets.map((_, datasetIndex) => ({ datasetIndex, index }));
    this.chart.setActiveElements(elements);
    this.chart.update('none');
  }

  picture(): string {
    return this.chart.toBase64Image('image/png');
  }

  destroy(): void {
    this.chart.destroy();
  }

  private configuration(model: CurveModel) {
    const { colours, words, onActive } = this.options;
    return {
      data: { datasets: model.curves.flatMap((curve, index) => this.datasets(curve, index)) },
      options: {
        animation: false as const,
        parsing: false as const,
        maintainAspectRatio: false,
        interaction: { mode: 'index' as const, intersect: false },
        onHover: (_: unknown, elements: { index: number }[]) => onActive(elements[0]?.index),
        scales: { x: this.xScale(model), y: this.yScale(model) },
        plugins: {
          legend: { display: false },
          tooltip: {
            ...tooltipLook(colours),
            filter: (_: unknown, index: number) => index === 0,
            callbacks: {
              title: (items: { dataIndex: number }[]) => (items[0] === undefined ? '' : words(items[0].dataIndex).title),
              label: (item: { dataIndex: number }) => words(item.dataIndex).lines,
            },
          },
        },
      },
    };
  }

  private datasets({ label, points, band }: Curve, index: number): ChartDataset<'line', Point[]>[] {
    const { colours } = this.options;
    const its = colours.series[index % colours.series.length] ?? colours.bar;
    const line: ChartDataset<'line', Point[]> = {
      label,
      data: [...points],
      borderColor: its,
      backgroundColor: its,
      borderWidth: 2,
      borderDash: index === 0 ? [] : [6, 3],
      spanGaps: false,
      pointRadius: ({ dataIndex }) => (isAlone(points, dataIndex) ? 2.5 : 0),
      pointHoverRadius: 4,
    };
    if (band === undefined) return [line];
    const edge = { label: '', borderWidth: 0, pointRadius: 0, pointHoverRadius: 0, spanGaps: false };
    return [
      line,
      { ...edge, data: [...band.max], fill: '+1', backgroundColor: faded(its, BAND_OPACITY) },
      { ...edge, data: [...band.min] },
    ];
  }

  private xScale({ x }: CurveModel) {
    const { colours } = this.options;
    return {
      type: 'linear' as const,
      min: x.min,
      max: x.max,
      title: { display: true, text: x.title, color: colours.muted, font: this.font() },
      ticks: {
        color: colours.muted,
        font: this.font(),
        stepSize: x.step,
        // The last tick would stand in the one before it.
        includeBounds: false,
        maxRotation: 0,
        padding: 6,
        callback: (value: number | string) => x.tick(Number(value)),
      },
      grid: { color: colours.grid, drawTicks: false },
      border: { display: false },
    };
  }

  private yScale({ curves, unit, format }: CurveModel) {
    const all = curves.flatMap(({ points, band }) => [...points, ...(band?.max ?? [])]).map(({ y }) => Math.abs(y));
    const greatest = Math.max(0, ...all.filter((y) => !Number.isNaN(y)));
    return amountScale({ unit, least: 0, greatest, beginsAtZero: true }, format, this.options.colours);
  }

  private font() {
    return { family: this.options.colours.font, size: 11 };
  }
}
