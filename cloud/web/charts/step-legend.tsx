/** What the colours of a map or a matrix mean, with the unit. */
import { useLocale } from '../shell/locale.ts';
import { colourOf } from './colour-steps.ts';

interface StepLegendProps {
  edges: readonly number[];
  /** An edge with its unit. */
  text: (edge: number) => string;
  /** What the colour for less than zero means; left out where nothing is. */
  below?: string | undefined;
  /** What hatched means; left out where nothing is. */
  missing?: string | undefined;
}

export function StepLegend({ edges, text, below, missing }: StepLegendProps) {
  const { t } = useLocale();
  const steps = Math.max(0, edges.length - 1);
  return (
    <ul class="step-legend" aria-label={t('chart.colours')}>
      {below !== undefined && (
        <li>
          <svg viewBox="0 0 18 12" aria-hidden="true">
            <rect class="step-below" width="18" height="12" />
          </svg>
          {below}
        </li>
      )}
      {edges.slice(0, -1).map((edge, index) => (
        <li key={edge}>
          <svg viewBox="0 0 18 12" aria-hidden="true">
            <rect class={`step-${colourOf(index, steps) + 1}`} width="18" height="12" />
          </svg>
          {`${text(edge)} – ${text(edges[index + 1] ?? edge)}`}
        </li>
      ))}
      {missing !== undefined && (
        <li>
          <svg viewBox="0 0 18 12" aria-hidden="true">
            <path class="step-none" d="M0 8 8 0M0 16 16 0M6 16 22 0" />
          </svg>
          {missing}
        </li>
      )}
    </ul>
  );
}
