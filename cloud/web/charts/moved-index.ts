/** Pure: which point the arrow keys lead to; undefined for any other key. */

/** In place of the points of a row: up and down are none of the picture's keys, they scroll the page. */
export const NO_ROWS = 0;

/** @param rowLength points of a row: up and down go to the row before and after */
export function movedIndex(key: string, active: number | undefined, count: number, rowLength = 1): number | undefined {
  const last = count - 1;
  if (last < 0) return undefined;
  const moved = (steps: number) => {
    const next = active === undefined ? (steps > 0 ? 0 : last) : active + steps;
    return next < 0 || next > last ? active : next;
  };
  if (rowLength === NO_ROWS && (key === 'ArrowUp' || key === 'ArrowDown')) return undefined;
  switch (key) {
    case 'ArrowLeft':
      return moved(-1);
    case 'ArrowRight':
      return moved(1);
    case 'ArrowUp':
      return moved(-rowLength);
    case 'ArrowDown':
      return moved(rowLength);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return undefined;
  }
}
