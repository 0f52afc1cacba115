/** The states in order of their figure, each with a bar, a link and a box for the comparison. */
import { useState } from 'preact/hooks';
import type { StateRow } from '../../../server/api/api-types.ts';
import { useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { Choice } from '../../shell/settings-dialog.tsx';
import { sorted } from '../../shell/sorting.ts';
import { COMPARED_MAX, howMade, isExtrapolated, missingText, valueOf, valueText } from './measures.ts';
import type { ByMeasure } from './states-map.tsx';

type Order = 'greatest' | 'least' | 'name';

interface RankingProps extends ByMeasure {
  compared: readonly string[];
  onCompare: (code: string) => void;
}

export function Ranking(props: RankingProps) {
  const { rows, measure, hours } = props;
  const { t } = useLocale();
  const [order, setOrder] = useState<Order>('greatest');
  const orders = (['greatest', 'least', 'name'] as const).map((value) => ({ value, words: t(`states.order.${value}`) }));
  const greatest = Math.max(0, ...rows.map((row) => Math.abs(valueOf(row, measure, hours) ?? 0)));
  return (
    <div class="ranking">
      <div class="chart-head">
        <h2>{t('states.ranking')}</h2>
        <Choice name="ranking-order" title={t('states.order')} isTitleHidden options={orders} value={order} onChoose={setOrder} />
      </div>
      <ol aria-label={t('states.ranking')}>
        {inOrder(props, order).map((row) => (
          <Ranked key={row.state} {...props} row={row} greatest={greatest} />
        ))}
      </ol>
      <p class="lead">{t('states.compareNote', { n: COMPARED_MAX })}</p>
    </div>
  );
}

function inOrder({ rows, measure, hours }: RankingProps, order: Order): StateRow[] {
  const byText = (a: string, b: string) => a.localeCompare(b, 'de');
  if (order === 'name') return sorted(rows, ({ name }) => name, false, byText);
  return sorted(rows, (row) => valueOf(row, measure, hours), order === 'greatest', byText);
}

function Ranked({
  row,
  measure,
  hours,
  active,
  onActive,
  compared,
  onCompare,
  greatest,
}: RankingProps & { row: StateRow; greatest: number }) {
  const locale = useLocale();
  const { t } = locale;
  const value = valueOf(row, measure, hours);
  const isChosen = compared.includes(row.state);
  const share = value === null || greatest === 0 ? 0 : Math.abs(value) / greatest;
  const isYear = measure === 'kwh' || measure === 'eur';
  return (
    <li
      data-active={row.state === active}
      data-state={row.state}
      onPointerEnter={() => onActive(row.state)}
      onPointerLeave={() => onActive(undefined)}
    >
      <input
        type="checkbox"
        checked={isChosen}
        disabled={!isChosen && compared.length >= COMPARED_MAX}
        aria-label={t('states.compareWith', { state: row.name })}
        onChange={() => onCompare(row.state)}
      />
      <a href={addressOf(`/states/${row.state}`)} title={howMade(row, locale)}>
        {row.name}
      </a>
      <span class="ranking-figure">
        {value === null ? <span class="no-value">{missingText(row, locale)}</span> : valueText(row, measure, hours, locale)}
        {isYear && isExtrapolated(row) && <span class="tag warn">{t('states.extrapolated')}</span>}
      </span>
      <svg class="ranking-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="ranking-ground" width="100" height="4" />
        <rect class={(value ?? 0) < 0 ? 'ranking-below' : 'ranking-share'} width={(share * 100).toFixed(1)} height="4" />
      </svg>
    </li>
  );
}
