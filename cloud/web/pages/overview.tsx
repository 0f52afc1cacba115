/** What goes on now: the main figures with their age, the course of the total, the states, what is wrong, the edges. */
import { SeriesChart } from '../charts/series-chart.tsx';
import { liveStore } from '../live/live.ts';
import { AlertsCard } from '../shell/alerts-card.tsx';
import { useDataLabel } from '../shell/data-label.tsx';
import { useLocale } from '../shell/locale.ts';
import { PageTitle } from '../shell/page-title.tsx';
import { useStore } from '../shell/store.ts';
import { EdgesCard } from './overview/edges-card.tsx';
import { OutagesCard } from './overview/outages-card.tsx';
import { StatesCard } from './overview/states-card.tsx';
import { Ticker } from './overview/ticker.tsx';
import { Tiles } from './overview/tiles.tsx';
import './overview/overview.css';

const TOTAL = ['all.power'];

export function Page() {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const label = useDataLabel();
  const power = live?.totalPowerW ?? null;
  const kind = label === '' ? '' : ` (${label})`;
  return (
    <>
      <PageTitle text={t('overview.title')} {...(power === null ? {} : { tab: `${f.power(power)}${kind}` })} />
      <Ticker />
      <AlertsCard />
      <Tiles />
      {live !== null && live.newestAt !== null && (
        <section class="card">
          <SeriesChart title={t('overview.totalPower')} refs={TOTAL} label={() => t('overview.allHouseholds')} />
        </section>
      )}
      <StatesCard />
      <EdgesCard />
      <OutagesCard />
    </>
  );
}
