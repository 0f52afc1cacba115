/** Hours of the day by weekday on a canvas, each cell in the colour of its figure; hatched where there is none. */
import { CategoryScale, Chart, Tooltip } from 'chart.js';
import { MatrixController, MatrixElement } from 'chartjs-chart-matrix';
import { hatching, scaleColour } from './colours.ts';
import type { PictureOptions } from './picture.tsx';
import { tooltipLook } from './tooltip-look.ts';

Chart.register(CategoryScale, MatrixController, MatrixElement, Tooltip);

const SPACE_PX = 2;
const ACTIVE_BORDER_PX = 2;

/** Row by row: the cell of column c in row r stands at r × columns + c. */
export interface HeatModel {
  rows: readonly string[];
  columns: readonly string[];
  /** Which colour of the scale (colour-steps.ts); null where there is no figure. */
  colours: readonly (number | null)[];
}

interface Cell {
  x: string;
  y: string;
}

export class HeatDrawing {
  private readonly chart: Chart<'matrix', Cell[], string>;
  private readonly options: PictureOptions;
  private model: HeatModel;
  private active: number | undefined;

  constructor(canvas: HTMLCanvasElement, model: HeatModel, options: PictureOptions) {
    this.model = model;
    this.options = options;
    const { colours, words, onActive } = options;
    const pattern = hatching(colours.hatch);
    const axis = { type: 'category' as const, grid: { display: false }, border: { display: false }, offset: true };
    const ticks = { color: colours.muted, font: { family: colours.font, size: 11 }, maxRotation: 0 };
    this.chart = new Chart<'matrix', Cell[], string>(canvas, {
      type: 'matrix',
      data: {
        datasets: [
          {
            data: cellsOf(model),
            backgroundColor: ({ dataIndex }) => this.fill(dataIndex) ?? pattern,
            borderColor: ({ dataIndex }) => (dataIndex === this.active ? colours.text : colours.grid),
            borderWidth: ({ dataIndex }) => (dataIndex === this.active ? ACTIVE_BORDER_PX : 0),
            borderRadius: 2,
            width: ({ chart }) => Math.max(1, (chart.chartArea?.width ?? 0) / this.model.columns.length - SPACE_PX),
            height: ({ chart }) => Math.max(1, (chart.chartArea?.height ?? 0) / this.model.rows.length - SPACE_PX),
          },
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        onHover: (_, elements) => onActive(elements[0]?.index),
        scales: {
          x: { ...axis, labels: [...model.columns], ticks: { ...ticks, autoSkipPadding: 6 } },
          y: { ...axis, labels: [...model.rows], reverse: false, ticks: { ...ticks, autoSkip: false } },
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            ...tooltipLook(colours),
            callbacks: {
              title: (items) => (items[0] === undefined ? '' : words(items[0].dataIndex).title),
              label: ({ dataIndex }) => words(dataIndex).lines,
            },
          },
        },
      },
    });
  }

  draw(model: HeatModel): void {
    this.model = model;
    const [dataset] = this.chart.data.datasets;
    if (dataset !== undefined) dataset.data = cellsOf(model);
    const { x, y } = this.chart.options.scales ?? {};
    if (x !== undefined) Object.assign(x, { labels: [...model.columns] });
    if (y !== undefined) Object.assign(y, { labels: [...model.rows] });
    this.chart.update('none');
  }

  activate(index: number | undefined): void {
    if (index === this.active) return;
    this.active = index;
    this.chart.update('none');
  }

  picture(): string {
    return this.chart.toBase64Image('image/png');
  }

  destroy(): void {
    this.chart.destroy();
  }

  private fill(index: number): string | undefined {
    const colour = this.model.colours[index] ?? null;
    return colour === null ? undefined : scaleColour(this.options.colours, colour);
  }
}

function cellsOf({ rows, columns }: HeatModel): Cell[] {
  return rows.flatMap((y) => columns.map((x) => ({ x, y })));
}
