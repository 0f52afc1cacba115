/** Pure: the axis of amounts of a chart: one unit, round steps. */
import type { Formatter } from '../format.ts';
import { niceStep } from './scale.ts';

export interface AmountAxis {
  unit: string;
  /** Of what is drawn on it. */
  least: number;
  greatest: number;
  /** False for what a counter shows: only how it moves can be seen, and that far from zero. */
  beginsAtZero: boolean;
}

/** Of the colours of the page. */
interface AxisColours {
  font: string;
  muted: string;
  grid: string;
}

const STEPS = 5;
/** A label is as exact as a tenth of a step. */
const TENTH = 10;

export function amountScale({ unit, least, greatest, beginsAtZero }: AmountAxis, format: Formatter, colours: AxisColours) {
  const font = { family: colours.font, size: 11 };
  const axis = beginsAtZero ? format.axis(unit, Math.max(Math.abs(least), Math.abs(greatest))) : format.ownAxis(unit);
  const span = beginsAtZero ? Math.max(0, greatest) - Math.min(0, least) : greatest - least;
  const step = niceStep(span > 0 ? span : greatest || 1, STEPS);
  return {
    type: 'linear' as const,
    beginAtZero: beginsAtZero,
    grace: '4%',
    title: { display: true, text: axis.unit, color: colours.muted, font, align: 'end' as const },
    ticks: {
      color: colours.muted,
      font,
      maxTicksLimit: STEPS + 1,
      callback: (value: number | string) => axis.label(Number(value), step / TENTH),
    },
    grid: { color: colours.grid, drawTicks: false },
    border: { display: false },
  };
}
