/** What is known of a household whatever the range: its place, its edge, its devices, since when, how old its newest power is. */
import type { DevicesReply, HouseholdDetailReply } from '../../../server/api/api-types.ts';
import { metaStore } from '../../data/meta.ts';
import { dataEnds } from '../../live/data-ends.ts';
import { type Fact, FactList } from '../../shell/fact-list.tsx';
import { useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { useStore } from '../../shell/store.ts';
import { stateName } from '../../words/state-names.ts';
import { listRow } from './list-rows.ts';
import { Age, PostalCode } from './list-table.tsx';

export function Facts({ reply, devices }: { reply: HouseholdDetailReply; devices: DevicesReply | undefined }) {
  const { t, f } = useLocale();
  const { latestMs } = useStore(dataEnds);
  const windowSeconds = useStore(metaStore)?.windowSeconds ?? 5;
  const { household, edge } = reply;
  const time = (at: string | null) => f.dateTime(at === null ? null : Date.parse(at));
  const state = stateName(household.state, f.language);
  const row = listRow(household, { latestMs, windowSeconds, stateName: state });
  const facts: Fact[] = [
    {
      name: t('households.power'),
      content: (
        <>
          {f.power(household.powerW)} <Age row={row} />
        </>
      ),
    },
    { name: t('households.state'), content: <a href={addressOf(`/states/${household.state}`)}>{state}</a> },
    { name: t('households.postalCode'), content: <PostalCode row={household} /> },
    {
      name: t('households.edge'),
      content: edge === null ? f.number(null) : <a href={addressOf(`/fleet/${encodeURIComponent(edge)}`)}>{edge}</a>,
    },
    { name: t('households.first'), content: time(household.firstAt) },
    { name: t('households.last'), content: time(household.lastAt) },
    { name: t('households.readings'), content: f.number(household.readings) },
    { name: t('households.declared'), content: f.number(household.declaredMissing) },
    { name: t('households.missing'), content: f.number(household.windowsMissing) },
    { name: t('households.devices'), content: deviceWords(devices) },
  ];
  return (
    <section class="card" aria-label={t('households.facts')}>
      <FactList class="figures" facts={facts} />
      <p class="lead household-id">
        {t('households.id')} <code>{household.household}</code>
      </p>
    </section>
  );
}

/** `meter: power, power1` */
function deviceWords(devices: DevicesReply | undefined): string {
  return (devices?.devices ?? []).map(({ device, fields }) => `${device}: ${fields.map(({ field }) => field).join(', ')}`).join('; ');
}
