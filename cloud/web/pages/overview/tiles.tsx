/** The main figures, each with its age and its course. What is old looks old. */
import { Sparkline } from '../../charts/sparkline.tsx';
import { metaStore } from '../../data/meta.ts';
import { marked, NO_VALUE } from '../../format.ts';
import { type CoursePoint, edgesOnline } from '../../live/course.ts';
import { courseStore, liveStore } from '../../live/live.ts';
import { type Freshness, typical } from '../../live/page-state.ts';
import { useFreshness } from '../../live/use-freshness.ts';
import { useLocale } from '../../shell/locale.ts';
import { useStore } from '../../shell/store.ts';
import { AgeBadge } from './age-badge.tsx';
import { EnergyTile } from './energy-tile.tsx';
import { Tile } from './tile.tsx';

/** A household in the total has a window no older than so many against the newest of all. */
const CURRENT_WINDOWS = 12;

export function Tiles() {
  const { t } = useLocale();
  return (
    <section class="tiles" aria-label={t('overview.now')}>
      <PowerTile />
      <EnergyTile />
      <TypicalTiles />
      <ReportingTile />
      <EdgesTile />
      <NewestTile />
    </section>
  );
}

function Course({ of }: { of: (point: CoursePoint) => number | null }) {
  const { t } = useLocale();
  return <Sparkline values={useStore(courseStore).map(of)} label={t('overview.sincePage')} />;
}

function PowerTile() {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const power = live?.totalPowerW ?? null;
  const note =
    live === null || power === null
      ? t('overview.waiting')
      : t('overview.powerNote', { current: f.number(live.current), n: live.households });
  const course = <Course of={({ powerW }) => powerW} />;
  return <Tile id="power" title={t('overview.power')} value={f.power(power)} note={note} badge={<AgeBadge />} course={course} />;
}

function TypicalTiles() {
  const { t, f } = useLocale();
  const { live, states } = useStore(liveStore);
  const its = typical(states.values());
  const price = live?.priceEurPerKwh ?? null;
  const rough = its?.rough ?? false;
  const kwh = its === null ? NO_VALUE : marked(f.annual(its.annualKwh), rough);
  const eur = its === null || price === null ? NO_VALUE : marked(f.eur(its.annualKwh * price), rough);
  const waiting = t('overview.waiting');
  const from = its === null ? waiting : t('overview.typicalNote', { length: marked(f.length(its.coveredHours), rough) });
  const at = its === null ? waiting : t('overview.costNote', { price: f.price(price) });
  return (
    <>
      <Tile
        id="typical"
        title={t('overview.typical')}
        value={kwh}
        note={from}
        badge={<AgeBadge />}
        course={<Course of={({ annualKwh }) => annualKwh} />}
      />
      <Tile
        id="cost"
        title={t('overview.cost')}
        value={eur}
        note={at}
        badge={<AgeBadge />}
        course={<Course of={({ annualKwh }) => (annualKwh === null || price === null ? null : annualKwh * price)} />}
      />
      <Tile id="price-now" title={t('overview.price')} value={f.price(price)} note={price === null ? waiting : t('overview.priceNote')} />
    </>
  );
}

function ReportingTile() {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const meta = useStore(metaStore);
  const value = live === null || live.households === 0 ? NO_VALUE : t('overview.of', { some: live.current, all: live.households });
  const note =
    live === null || live.newestAt === null
      ? t('overview.waiting')
      : t('overview.reportingNote', { length: f.duration(meta === undefined ? null : CURRENT_WINDOWS * meta.windowSeconds) });
  return (
    <Tile
      id="reporting"
      title={t('overview.reporting')}
      value={value}
      note={note}
      badge={<AgeBadge />}
      course={<Course of={({ current }) => current} />}
    />
  );
}

function EdgesTile() {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const fresh = useFreshness();
  const isCut = fresh.kind === 'cut';
  let value: string = NO_VALUE;
  let note: string = t('overview.edgesNone');
  if (live !== null && live.edgeCount > 0) {
    // Without a connection nobody knows who is online now.
    value = isCut ? t('overview.edgesUnknown') : t('overview.of', { some: f.number(edgesOnline(live)), all: f.number(live.edgeCount) });
    const outbox = t('overview.outbox', { n: live.edges.reduce((sum, edge) => sum + edge.queued, 0) });
    note = isCut ? t('overview.outboxBefore', { outbox }) : outbox;
  }
  return (
    <Tile
      id="edges-online"
      title={t('overview.edges')}
      value={value}
      note={note}
      isOfData={false}
      course={<Course of={({ edgesOnline }) => edgesOnline} />}
    />
  );
}

function NewestTile() {
  const { t, f } = useLocale();
  const { live } = useStore(liveStore);
  const fresh = useFreshness();
  const newestAt = live?.newestAt ?? null;
  const newestMs = newestAt === null ? null : Date.parse(newestAt);
  const value = newestMs === null ? NO_VALUE : `${f.clock(newestMs)} ${f.zoneAt(newestMs)}`;
  let note: string = t('overview.waiting');
  if (newestMs !== null) {
    const date = f.date(newestMs);
    const age = ageOf(fresh);
    if (fresh.kind === 'finished') note = t('overview.end', { date });
    else if (age === null) note = date;
    else note = age < 1.5 ? t('overview.arrivedNow', { date }) : t('overview.arrived', { date, age: f.duration(age) });
  }
  return (
    <Tile
      id="newest"
      title={t('overview.newest')}
      value={value}
      note={note}
      badge={<AgeBadge />}
      course={<Course of={({ ageSeconds }) => ageSeconds} />}
    />
  );
}

function ageOf(fresh: Freshness): number | null {
  return 'ageSeconds' in fresh ? fresh.ageSeconds : null;
}
