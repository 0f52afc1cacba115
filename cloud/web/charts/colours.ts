/** The style sheet's colours for what is drawn on a canvas: read again when light turns dark. */

export interface Colours {
  text: string;
  muted: string;
  grid: string;
  surface: string;
  hatch: string;
  /** Of the bars of a single kind, and where they feed in. */
  bar: string;
  barNegative: string;
  accent: string;
  /** For series 1 to 8, told apart also by the colour-blind. */
  series: readonly string[];
  /** From little to much. */
  scale: readonly string[];
  font: string;
}

export const SERIES_COLOURS = 8;
/** Of maps and matrices. */
export const SCALE_COLOURS = 7;

export function readColours(): Colours {
  const probes = document.createElement('div');
  const probe = (name: string) => {
    const its = document.createElement('span');
    // A variable is read as it stands in the style sheet; only a colour in use is one colour.
    its.style.color = `var(${name})`;
    probes.append(its);
    return () => getComputedStyle(its).color;
  };
  const [text, muted, grid, surface] = [probe('--text'), probe('--muted'), probe('--grid'), probe('--surface')];
  const [hatch, bar, barNegative, accent] = [probe('--hatch'), probe('--bar'), probe('--bar-negative'), probe('--accent')];
  const series = Array.from({ length: SERIES_COLOURS }, (_, index) => probe(`--series-${index + 1}`));
  const scale = Array.from({ length: SCALE_COLOURS }, (_, index) => probe(`--scale-${index + 1}`));
  // All in the document before the first is read, or styles are reckoned anew for each.
  document.body.append(probes);
  const colours = {
    text: text(),
    muted: muted(),
    grid: grid(),
    surface: surface(),
    hatch: hatch(),
    bar: bar(),
    barNegative: barNegative(),
    accent: accent(),
    series: series.map((its) => its()),
    scale: scale.map((its) => its()),
    font: getComputedStyle(document.body).fontFamily,
  };
  probes.remove();
  return colours;
}

/** @param index of the scale; what is below zero has the colour of what is fed in */
export function scaleColour({ scale, barNegative }: Colours, index: number): string | undefined {
  return index < 0 ? barNegative : scale[index];
}

/** `rgb(1, 2, 3)` with less of it. */
export function faded(colour: string, opacity: number): string {
  return colour.replace(/^rgba?\(([^,]+),([^,]+),([^,)]+).*\)$/, `rgba($1,$2,$3, ${opacity})`);
}

/** Slanted lines for where there is no data: never mistaken for a value. */
export function hatching(colour: string): CanvasPattern | string {
  const tile = document.createElement('canvas');
  const sizePx = 8;
  tile.width = sizePx;
  tile.height = sizePx;
  const context = tile.getContext('2d');
  if (context === null) return colour;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (const offset of [-sizePx, 0, sizePx]) {
    context.moveTo(offset, sizePx);
    context.lineTo(offset + sizePx, 0);
  }
  context.stroke();
  return context.createPattern(tile, 'repeat') ?? colour;
}
