/**
 * Horizontal bars with two scales for one length, kWh below and EUR above, because the price is the same for all. A row
 * without a value gets a hatched band and words, never a bar of length 0.
 */
import { BarController, BarElement, CategoryScale, Chart, type ChartConfiguration, LinearScale, type Plugin, Tooltip } from 'chart.js';
import type { Colours } from './colours.ts';
import { multiples, niceStep, range } from './scale.ts';

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

export interface BarRow {
  name: string;
  /** Null: no bar, `missing` is written instead. */
  value: number | null;
  /** The value in words, in two units. */
  valueText: string;
  secondText: string;
  missing: string;
  /** Lines of the tooltip. */
  details: readonly string[];
}

/** The two scales. */
export interface BarScales {
  title: string;
  secondTitle: string;
  /** What one of the first is in the second. */
  secondPerValue: number;
  /** A tick of either. */
  tick: (value: number) => string;
}

/** Below this width names and values stand above the bars instead of beside them. */
const COMPACT_BELOW_PX = 560;
const ROW_PX = 30;
const COMPACT_ROW_PX = 38;
/** Height of both axes together. */
const AXES_PX = 92;
const COLUMN_GAP_PX = 14;
const BAR_PX_MAX = 17;
const COMPACT_BAR_PX_MAX = 9;
/** How far a compact row's bar stands below the middle, to leave the upper half to the words. */
const COMPACT_BAR_DOWN_PX = 8;

export class BarChart {
  private readonly canvas: HTMLCanvasElement;
  private chart: Chart<'bar', (number | null)[], string> | undefined;
  private rows: readonly BarRow[] = [];
  private style: Colours;
  private words: BarScales = { title: '', secondTitle: '', secondPerValue: 1, tick: String };

  constructor(canvas: HTMLCanvasElement, colours: Colours) {
    this.canvas = canvas;
    this.style = colours;
  }

  /** Draws the rows from top to bottom. Cheap when called again with the same number of rows. */
  draw(rows: readonly BarRow[], words: BarScales): void {
    this.rows = rows;
    this.words = words;
    const { secondPerValue } = words;
    this.chart ??= new Chart<'bar', (number | null)[], string>(this.canvas, this.configuration());
    const { data, options } = this.chart;
    data.labels = rows.map((row) => row.name);
    const values = rows.map((row) => row.value);
    const [dataset] = data.datasets;
    if (dataset !== undefined) dataset.data = values;
    const { min, max } = range(values, this.isCompact() ? 3 : 6);
    const { x, second } = options.scales ?? {};
    if (x === undefined || second === undefined) return;
    Object.assign(x, { min, max });
    Object.assign(second, { min: min * secondPerValue, max: max * secondPerValue });
    Object.assign(x, { title: { ...this.title(words.title) } });
    Object.assign(second, { title: { ...this.title(words.secondTitle) } });
    this.fit();
    this.chart.update();
  }

  /** After light turned dark or back. */
  restyle(colours: Colours): void {
    this.style = colours;
    if (this.chart === undefined) return;
    this.chart.options.scales = this.scales();
    const [dataset] = this.chart.data.datasets;
    if (dataset !== undefined) Object.assign(dataset, this.colours());
  }

  private configuration(): ChartConfiguration<'bar', (number | null)[], string> {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    return {
      type: 'bar',
      data: {
        labels: [],
        datasets: [
          { data: [], ...this.colours(), maxBarThickness: BAR_PX_MAX, categoryPercentage: 1, barPercentage: 0.7, borderRadius: 3 },
        ],
      },
      options: {
        indexAxis: 'y',
        maintainAspectRatio: false,
        animation: still ? false : { duration: 300 },
        layout: { padding: () => ({ right: this.isCompact() ? 6 : this.valueColumnsPx() }) },
        onResize: () => this.fit(),
        scales: this.scales(),
        interaction: { mode: 'index', axis: 'y', intersect: false },
        plugins: {
          tooltip: {
            displayColors: false,
            filter: (item) => this.rows[item.dataIndex]?.value !== null,
            callbacks: { label: (item) => [...(this.rows[item.dataIndex]?.details ?? [])] },
          },
        },
      },
      plugins: [this.bands(), this.labels()],
    };
  }

  private colours() {
    const { bar, barNegative } = this.style;
    return { backgroundColor: ({ raw }: { raw: unknown }) => (typeof raw === 'number' && raw < 0 ? barNegative : bar) };
  }

  private scales() {
    const { muted, grid, text } = this.style;
    const ticks = { color: muted, font: this.font(11), maxRotation: 0, callback: (tick: number | string) => this.words.tick(Number(tick)) };
    // Left alone, chart.js counts from the end of a scale, which is a round number in one of the two units only.
    const afterBuildTicks = (scale: { min: number; max: number; ticks: { value: number }[] }) => {
      const step = niceStep(scale.max - scale.min, this.isCompact() ? 3 : 6);
      scale.ticks = multiples(scale.min, scale.max, step).map((value) => ({ value }));
    };
    return {
      x: {
        type: 'linear' as const,
        position: 'bottom' as const,
        ticks,
        grid: { color: ({ tick }: { tick: { value: number } | undefined }) => (tick?.value === 0 ? muted : grid), drawTicks: false },
        border: { display: false },
        title: this.title(this.words.title),
        afterBuildTicks,
      },
      second: {
        type: 'linear' as const,
        axis: 'x' as const,
        position: 'top' as const,
        ticks: { ...ticks },
        grid: { display: false },
        border: { display: false },
        title: this.title(''),
        afterBuildTicks,
      },
      y: {
        afterFit: (scale: { width: number }) => {
          if (this.isCompact()) scale.width = 0;
        },
        ticks: { color: () => (this.isCompact() ? 'transparent' : text), font: this.font(13), autoSkip: false, crossAlign: 'far' as const },
        grid: { display: false },
        border: { display: false },
      },
    };
  }

  private title(words: string) {
    return { display: true, text: words, color: this.style.muted, font: this.font(11), padding: { top: 2, bottom: 4 } };
  }

  /** Hatched bands in the rows without a value; and the bars moved down where words stand above them. */
  private bands(): Plugin<'bar'> {
    return {
      id: 'bands',
      beforeDatasetDraw: ({ ctx }) => {
        ctx.save();
        ctx.translate(0, this.barDownPx());
      },
      afterDatasetDraw: ({ ctx }) => ctx.restore(),
      beforeDatasetsDraw: ({ ctx, chartArea, scales }) => {
        const { y } = scales;
        if (y === undefined) return;
        const half = (this.isCompact() ? COMPACT_BAR_PX_MAX : BAR_PX_MAX) / 2;
        for (const [index, row] of this.rows.entries()) {
          if (row.value !== null) continue;
          const middle = y.getPixelForValue(index) + this.barDownPx();
          hatch(ctx, { left: chartArea.left, top: middle - half, width: chartArea.width, height: 2 * half }, this.style.hatch);
        }
      },
    };
  }

  /** Names (when compact) and values. */
  private labels(): Plugin<'bar'> {
    return {
      id: 'labels',
      afterDatasetsDraw: ({ ctx, chartArea, scales, width }) => {
        const { y } = scales;
        if (y === undefined) return;
        ctx.save();
        ctx.textBaseline = 'middle';
        for (const [index, row] of this.rows.entries()) {
          const middle = y.getPixelForValue(index);
          if (this.isCompact()) this.compactLabel(ctx, row, width, middle - 9);
          else this.wideLabel(ctx, row, chartArea, width, middle);
        }
        ctx.restore();
      },
    };
  }

  private wideLabel(
    ctx: CanvasRenderingContext2D,
    row: BarRow,
    area: { left: number; right: number },
    right: number,
    middle: number,
  ): void {
    const { text, muted, surface } = this.style;
    if (row.value === null) {
      ctx.font = this.fontText(12);
      const width = ctx.measureText(row.missing).width;
      ctx.fillStyle = surface;
      ctx.fillRect(area.left + 10, middle - 9, width + 16, 18);
      write(ctx, row.missing, area.left + 18, middle, 'left', muted);
      return;
    }
    ctx.font = this.fontText(13, 600);
    write(ctx, row.valueText, right - this.secondColumnPx() - COLUMN_GAP_PX, middle, 'right', text);
    ctx.font = this.fontText(13);
    write(ctx, row.secondText, right - 2, middle, 'right', muted);
  }

  private compactLabel(ctx: CanvasRenderingContext2D, row: BarRow, right: number, middle: number): void {
    const { text, muted } = this.style;
    ctx.font = this.fontText(12);
    this.halo(ctx, row.name, 1, middle);
    write(ctx, row.name, 1, middle, 'left', text);
    if (row.value === null) return write(ctx, row.missing, right - 6, middle, 'right', muted);
    write(ctx, row.secondText, right - 6, middle, 'right', muted);
    const secondPx = ctx.measureText(row.secondText).width;
    ctx.font = this.fontText(12, 600);
    write(ctx, row.valueText, right - 6 - secondPx - 8, middle, 'right', text);
  }

  /** Keeps grid lines out of a word. */
  private halo(ctx: CanvasRenderingContext2D, words: string, x: number, y: number): void {
    ctx.textAlign = 'left';
    ctx.strokeStyle = this.style.surface;
    ctx.lineWidth = 4;
    ctx.lineJoin = 'round';
    ctx.strokeText(words, x, y);
  }

  destroy(): void {
    this.chart?.destroy();
    this.chart = undefined;
  }

  private isCompact(): boolean {
    return (this.chart?.width ?? this.canvas.parentElement?.clientWidth ?? 0) < COMPACT_BELOW_PX;
  }

  private barDownPx(): number {
    return this.isCompact() ? COMPACT_BAR_DOWN_PX : 0;
  }

  /** Gives the canvas the height that its rows need; chart.js follows its parent. */
  private fit(): void {
    const [dataset] = this.chart?.data.datasets ?? [];
    if (dataset !== undefined) dataset.maxBarThickness = this.isCompact() ? COMPACT_BAR_PX_MAX : BAR_PX_MAX;
    const box = this.canvas.parentElement;
    const heightPx = this.rows.length * (this.isCompact() ? COMPACT_ROW_PX : ROW_PX) + AXES_PX;
    if (box !== null && box.style.height !== `${heightPx}px`) box.style.height = `${heightPx}px`;
  }

  private valueColumnsPx(): number {
    return this.widest((row) => row.valueText, 600) + this.secondColumnPx() + 2 * COLUMN_GAP_PX;
  }

  private secondColumnPx(): number {
    return this.widest((row) => row.secondText, 400) + 2;
  }

  private widest(textOf: (row: BarRow) => string, weight: number): number {
    const context = this.canvas.getContext('2d');
    if (context === null) return 80;
    context.save();
    context.font = this.fontText(13, weight);
    const widths = this.rows.filter((row) => row.value !== null).map((row) => context.measureText(textOf(row)).width);
    context.restore();
    return Math.ceil(Math.max(60, ...widths));
  }

  private font(size: number) {
    return { family: this.style.font, size };
  }

  private fontText(size: number, weight = 400): string {
    return `${weight} ${size}px ${this.style.font}`;
  }
}

function write(ctx: CanvasRenderingContext2D, words: string, x: number, y: number, align: CanvasTextAlign, colour: string): void {
  ctx.textAlign = align;
  ctx.fillStyle = colour;
  ctx.fillText(words, x, y);
}

function hatch(ctx: CanvasRenderingContext2D, box: { left: number; top: number; width: number; height: number }, colour: string): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  for (let x = box.left - box.height; x < box.left + box.width; x += 7) {
    ctx.moveTo(x, box.top + box.height);
    ctx.lineTo(x + box.height, box.top);
  }
  ctx.stroke();
  ctx.restore();
}
