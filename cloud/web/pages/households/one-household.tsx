/** One household: what it is, its power and phases, its energy, its usual day and week, its gaps, its windows. */
import { useMemo } from 'preact/hooks';
import type { DevicesReply, HouseholdDetailReply, ProfileReply } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { SeriesChart } from '../../charts/series-chart.tsx';
import { useFresh } from '../../data/use-fresh.ts';
import { DataLabel } from '../../shell/data-label.tsx';
import { useLocale } from '../../shell/locale.ts';
import { usePageRange } from '../../shell/page-range.ts';
import { PageTitle } from '../../shell/page-title.tsx';
import { addressOf } from '../../shell/place.ts';
import { Facts } from './facts.tsx';
import { GapsCard } from './gaps-card.tsx';
import { shortHousehold } from '../../live/alert-words.ts';
import { LoadDuration } from './load-duration.tsx';
import { NoDataHere } from './no-data-here.tsx';
import { ProfileTiles } from './profile-tiles.tsx';
import { WeekMap } from './week-map.tsx';
import { WindowsCard } from './windows-card.tsx';

const NOT_FOUND = 404;
/** Bars that fit beside each other: hours of a day, days of a month. */
const BARS = 31;
const PHASES = ['power1', 'power2', 'power3'];
const COUNTER = 'energy';
/** What an edge adds to a household's devices does not change by the minute. */
const DEVICES_EVERY_MS = 60_000;

export function OneHousehold({ household }: { household: string }) {
  const { t } = useLocale();
  const address = `/api/v1/households/${encodeURIComponent(household)}`;
  const { value, failure, retry } = useFresh<HouseholdDetailReply>(address, true);
  if (failure?.status === NOT_FOUND) return <NoSuchHousehold household={household} />;
  return (
    <>
      <PageTitle text={shortHousehold(household)} tab={t('households.tab', { household: shortHousehold(household) })}>
        <DataLabel class="chip" />
        <a href={addressOf('/explore', { series: `${household}.power` })}>{t('households.toExplorer')}</a>
        <a href={addressOf('/households')}>{t('households.toAll')}</a>
      </PageTitle>
      {failure !== undefined && <Failure failure={failure} retry={retry} />}
      {value === undefined && failure === undefined && <p class="lead">{t('shell.loading')}</p>}
      {value !== undefined && <Known reply={value} address={address} />}
    </>
  );
}

function NoSuchHousehold({ household }: { household: string }) {
  const { t } = useLocale();
  return (
    <>
      <PageTitle text={t('households.unknown')} />
      <div class="empty">
        <p>{t('households.unknownNote', { household: shortHousehold(household) })}</p>
        <a class="primary" href={addressOf('/households')}>
          {t('households.toAll')}
        </a>
      </div>
    </>
  );
}

function Known({ reply, address }: { reply: HouseholdDetailReply; address: string }) {
  const { t } = useLocale();
  const { range, zone, isLive } = usePageRange();
  const query = new URLSearchParams({ from: range.from, to: range.to, tz: zone });
  const profile = useFresh<ProfileReply>(`${address}/profile?${query}`, isLive);
  const devices = useFresh<DevicesReply>(`${address}/devices`, true, DEVICES_EVERY_MS);
  // One that measures no power has no profile, and may have other fields.
  const hasNothing = reply.household.firstAt === null;
  const isEmpty = profile.value?.hours === 0 || (hasNothing && profile.failure?.status === NOT_FOUND);
  return (
    <>
      <Facts reply={reply} devices={devices.value} />
      {isEmpty ? (
        <NoDataHere reply={reply} />
      ) : (
        <>
          <Courses reply={reply} devices={devices.value} />
          {profile.failure !== undefined && <Failure failure={profile.failure} retry={profile.retry} />}
          {profile.value !== undefined && <Profiles profile={profile.value} />}
          <GapsCard household={reply.household.household} profile={profile.value} isWaiting={profile.isLoading} />
          <WindowsCard household={reply.household.household} fields={fieldsOf(devices.value)} />
        </>
      )}
      <p class="lead">{t('households.permalink')}</p>
    </>
  );
}

function Courses({ reply, devices }: { reply: HouseholdDetailReply; devices: DevicesReply | undefined }) {
  const { t } = useLocale();
  const { household } = reply.household;
  const total = useMemo(() => [`${household}.power`], [household]);
  const known = fieldsOf(devices);
  const phases = PHASES.filter((phase) => known.includes(phase)).map((phase) => `${household}.${phase}`);
  const refs = useMemo(() => phases, [phases.join()]);
  const counter = useMemo(() => [`${household}.${COUNTER}`], [household]);
  const phaseName = (ref: string) => t('households.phase', { n: ref.slice(-1) });
  return (
    <>
      <section class="card">
        <SeriesChart title={t('households.powerCourse')} refs={total} label={() => t('households.total')} size="tall" />
      </section>
      {refs.length > 0 && (
        <section class="card">
          <SeriesChart title={t('households.phases')} refs={refs} label={phaseName} />
        </section>
      )}
      <section class="card">
        <SeriesChart
          title={t('households.energy')}
          refs={total}
          label={() => t('households.energyOf')}
          kind="bar"
          statistic="energyKwh"
          points={BARS}
        />
      </section>
      {known.includes(COUNTER) && (
        <section class="card">
          <SeriesChart title={t('households.counter')} refs={counter} label={() => t('households.counterOf')} />
        </section>
      )}
    </>
  );
}

function Profiles({ profile }: { profile: ProfileReply }) {
  return (
    <>
      <ProfileTiles profile={profile} />
      <div class="two-cards figures">
        <section class="card">
          <LoadDuration profile={profile} />
        </section>
        <section class="card">
          <WeekMap profile={profile} />
        </section>
      </div>
    </>
  );
}

/** Names of what its devices measure, each once. */
function fieldsOf(devices: DevicesReply | undefined): string[] {
  return [...new Set((devices?.devices ?? []).flatMap(({ fields }) => fields.map(({ field }) => field)))].sort();
}
