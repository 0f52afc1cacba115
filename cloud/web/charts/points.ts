/** Pure: points of a line. */

export interface Point {
  x: number;
  /** NaN where there is no figure: the line breaks there. */
  y: number;
}

/** With none beside it no line leads to it: it must be drawn as a point. */
export function isAlone(points: readonly Point[], index: number): boolean {
  const isThere = (at: number) => !Number.isNaN(points[at]?.y ?? NaN);
  return isThere(index) && !isThere(index - 1) && !isThere(index + 1);
}
