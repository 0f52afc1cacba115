/** The price ticker: what a typical household's year costs, state by state, moving unless it all fits or the reader stops it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { StateRow } from '../../../server/api/api-types.ts';
import { marked } from '../../format.ts';
import { liveStore } from '../../live/live.ts';
import { ordered } from '../../live/page-state.ts';
import { DataLabel } from '../../shell/data-label.tsx';
import { Icon } from '../../shell/icons.tsx';
import { useLocale } from '../../shell/locale.ts';
import { useStore } from '../../shell/store.ts';
import { named } from '../../words/state-names.ts';

export function Ticker() {
  const { t, f } = useLocale();
  const { live, states } = useStore(liveStore);
  const [isPaused, setPaused] = useState(false);
  const [isStill, setStill] = useState(false);
  const tape = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const priced = ordered(named(states.values(), f.language), 'name').filter((row) => row.annualEur !== null);
  useEffect(() => setStill((list.current?.offsetWidth ?? 0) <= (tape.current?.clientWidth ?? 0)), [states, f]);
  return (
    <section class="ticker" aria-label={t('overview.ticker')}>
      <p class="price">
        <span class="price-name">{t('overview.price')}</span> <strong id="price">{f.price(live?.priceEurPerKwh ?? null)}</strong>{' '}
        <DataLabel />
      </p>
      <div
        class="tape"
        id="tape"
        ref={tape}
        tabIndex={0}
        role="group"
        aria-label={t('overview.tape')}
        data-empty={priced.length === 0}
        data-still={isStill}
        data-paused={isPaused}
      >
        <div class="track">
          <Costs rows={priced} list={list} />
          {/* Twice, so that it can run round without a hole; the copy is not read out. */}
          {!isStill && <Costs rows={priced} isCopy />}
        </div>
      </div>
      <button
        type="button"
        class="quiet"
        id="tape-pause"
        aria-pressed={isPaused}
        aria-label={t('overview.tapePause')}
        title={t('overview.tapePause')}
        onClick={() => setPaused(!isPaused)}
      >
        <Icon name={isPaused ? 'play' : 'pause'} />
      </button>
    </section>
  );
}

function Costs({
  rows,
  list,
  isCopy = false,
}: {
  rows: readonly StateRow[];
  list?: { current: HTMLUListElement | null };
  isCopy?: boolean;
}) {
  const { t, f } = useLocale();
  return (
    <ul {...(list === undefined ? {} : { ref: list })} aria-hidden={isCopy}>
      {rows.map((row) => (
        <li key={row.state}>
          <span>{row.name}</span>
          <strong>{t('overview.aYear', { eur: marked(f.eur(row.annualEur), row.rough) })}</strong>
        </li>
      ))}
    </ul>
  );
}
