/** Pure: rows in the order that a reader asks for. What is not known comes last in both directions. */

export interface Sorting {
  /** Key of a column. */
  by: string;
  isDown: boolean;
}

export function sorted<Row>(
  rows: readonly Row[],
  valueOf: (row: Row) => string | number | null,
  isDown: boolean,
  compareTexts: (a: string, b: string) => number,
): Row[] {
  const sign = isDown ? -1 : 1;
  const known = rows.map((row) => ({ row, value: valueOf(row) }));
  known.sort((a, b) => {
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
    if (typeof a.value === 'number' && typeof b.value === 'number') return sign * (a.value - b.value);
    return sign * compareTexts(String(a.value), String(b.value));
  });
  return known.map(({ row }) => row);
}

/** As it stands in an address: `power`, or `-power` from the greatest down. */
export function sortingOf(text: string | null, keys: readonly string[], otherwise: Sorting): Sorting {
  if (text === null) return otherwise;
  const isDown = text.startsWith('-');
  const by = isDown ? text.slice(1) : text;
  return keys.includes(by) ? { by, isDown } : otherwise;
}

export function sortingText({ by, isDown }: Sorting): string {
  return `${isDown ? '-' : ''}${by}`;
}
