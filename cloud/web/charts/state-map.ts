/** The states as a map on a canvas, each in the colour of its figure; hatched where there is none. */
import { Chart, Tooltip } from 'chart.js';
import { ChoroplethController, ColorScale, GeoFeature, ProjectionScale } from 'chartjs-chart-geo';
import { type Colours, hatching, scaleColour } from './colours.ts';
import type { PictureOptions } from './picture.tsx';
import { STATE_SHAPES } from './state-shapes.ts';
import { tooltipLook } from './tooltip-look.ts';

Chart.register(ChoroplethController, ColorScale, GeoFeature, ProjectionScale, Tooltip);

const BORDER_PX = 0.8;
const ACTIVE_BORDER_PX = 2.5;

/** By state code, which colour of the scale it has (colour-steps.ts); null where there is no figure. */
export interface MapModel {
  /** The states in the order of the arrow keys. */
  codes: readonly string[];
  colours: ReadonlyMap<string, number | null>;
}

export class MapDrawing {
  private readonly chart: Chart<'choropleth'>;
  private readonly options: PictureOptions;
  private model: MapModel;
  private active: string | undefined;

  constructor(canvas: HTMLCanvasElement, model: MapModel, options: PictureOptions) {
    this.model = model;
    this.options = options;
    const pattern = hatching(options.colours.hatch);
    const fill = (index: number) => colourOf(this.model, index, options.colours) ?? pattern;
    const features = STATE_SHAPES.map(({ feature }) => feature);
    this.chart = new Chart<'choropleth'>(canvas, {
      type: 'choropleth',
      data: {
        labels: STATE_SHAPES.map(({ code }) => code),
        datasets: [
          {
            // The colours are ours: the value is not read.
            data: features.map((its) => ({ feature: its as never, value: 0 })),
            outline: features as never,
            backgroundColor: ({ dataIndex }) => fill(dataIndex),
            borderColor: options.colours.surface,
            borderWidth: BORDER_PX,
          },
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        showOutline: false,
        interaction: { mode: 'point', intersect: true },
        onHover: (_, elements) => this.hover(elements.at(-1)?.index),
        onClick: (_, elements) => this.choose(elements.at(-1)?.index),
        scales: {
          projection: { axis: 'x', projection: 'mercator', padding: 4 },
          color: { axis: 'x', display: false },
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            ...tooltipLook(options.colours),
            // Where one state lies inside another only the inner one is meant: it is the last.
            filter: ({ dataIndex }, _, items) => dataIndex === items.at(-1)?.dataIndex,
            callbacks: {
              title: (items) => this.words(items.at(-1)?.dataIndex).title,
              label: ({ dataIndex }) => this.words(dataIndex).lines,
            },
          },
        },
      },
      plugins: [{ id: 'activeState', afterDatasetsDraw: () => this.frameActive() }],
    });
  }

  draw(model: MapModel): void {
    this.model = model;
    this.chart.update('none');
  }

  activate(index: number | undefined): void {
    const code = index === undefined ? undefined : this.model.codes[index];
    if (code === this.active) return;
    this.active = code;
    this.chart.draw();
  }

  picture(): string {
    return this.chart.toBase64Image('image/png');
  }

  destroy(): void {
    this.chart.destroy();
  }

  private words(shape: number | undefined): { title: string; lines: string[] } {
    const index = this.indexOf(shape);
    return index === undefined ? { title: '', lines: [] } : this.options.words(index);
  }

  private indexOf(shape: number | undefined): number | undefined {
    const code = shape === undefined ? undefined : STATE_SHAPES[shape]?.code;
    const index = code === undefined ? -1 : this.model.codes.indexOf(code);
    return index < 0 ? undefined : index;
  }

  private hover(shape: number | undefined): void {
    const index = this.indexOf(shape);
    this.chart.canvas.style.cursor = index === undefined ? 'default' : 'pointer';
    this.options.onActive(index);
  }

  private choose(shape: number | undefined): void {
    const index = this.indexOf(shape);
    if (index !== undefined) this.options.onChoose?.(index);
  }

  /** Above all the others, so that no neighbour covers a part of the frame. */
  private frameActive(): void {
    const shape = STATE_SHAPES.find(({ code }) => code === this.active);
    if (shape === undefined) return;
    const { ctx } = this.chart;
    const { geoPath } = this.chart.scales['projection'] as unknown as ProjectionScale;
    ctx.save();
    ctx.beginPath();
    geoPath.context(ctx)(shape.feature as never);
    ctx.strokeStyle = this.options.colours.text;
    ctx.lineWidth = ACTIVE_BORDER_PX;
    ctx.lineJoin = 'round';
    ctx.stroke();
    ctx.restore();
  }
}

/** Undefined where there is no figure. */
function colourOf(model: MapModel, shape: number, colours: Colours): string | undefined {
  const code = STATE_SHAPES[shape]?.code ?? '';
  const index = model.colours.get(code) ?? null;
  return index === null ? undefined : scaleColour(colours, index);
}
