/** A small course without axes, for a tile. Breaks where a figure is missing. */

const WIDTH = 100;
const HEIGHT = 24;
const MARGIN = 2;

export function Sparkline({ values, label }: { values: readonly (number | null)[]; label: string }) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return <span class="sparkline" aria-hidden="true" />;
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={pathOf(values, Math.min(...known), Math.max(...known))} />
    </svg>
  );
}

function pathOf(values: readonly (number | null)[], least: number, greatest: number): string {
  const span = greatest - least || 1;
  const flat = greatest === least;
  let isPen = false;
  return values
    .map((value, index) => {
      if (value === null) {
        isPen = false;
        return '';
      }
      const x = (index / Math.max(1, values.length - 1)) * WIDTH;
      const y = flat ? HEIGHT / 2 : HEIGHT - MARGIN - ((value - least) / span) * (HEIGHT - 2 * MARGIN);
      const command = isPen ? 'L' : 'M';
      isPen = true;
      return `${command}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}
