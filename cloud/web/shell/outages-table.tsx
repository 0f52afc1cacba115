/** When edges or the cloud were away, with length and cause; the open ones grow. */
import type { OutageReply } from '../../server/api/api-types.ts';
import { NO_VALUE } from '../format.ts';
import { useCloudNow } from '../live/cloud-now.ts';
import { DataTable } from './data-table.tsx';
import { type Locale, useLocale } from './locale.ts';
import { addressOf } from './place.ts';

export function OutagesTable({ outages, caption }: { outages: readonly OutageReply[]; caption: string }) {
  const locale = useLocale();
  const { t } = locale;
  const cloudNowMs = useCloudNow();
  const titles = [t('fleet.who'), t('fleet.cause'), t('fleet.length'), t('fleet.from'), t('fleet.to'), t('fleet.detail')];
  return (
    <DataTable
      id="outages-table"
      columns={titles.map((title) => ({ title }))}
      caption={caption}
      rows={outages.map((outage) => ({
        key: outage.id,
        state: outage.openNow ? 'open' : outage.cause,
        cells: cells(outage, cloudNowMs, locale),
      }))}
    />
  );
}

function cells({ edge, cause, from, to, seconds, detail }: OutageReply, cloudNowMs: number, { t, f }: Locale) {
  const fromMs = Date.parse(from);
  const who = edge ?? t('fleet.cloud');
  const link = edge === null ? <>{who}</> : <a href={addressOf(`/fleet/${encodeURIComponent(edge)}`)}>{edge}</a>;
  return [
    { text: who, content: link },
    t(`fleet.cause.${cause === 'cloud down' ? 'cloud-down' : cause}`),
    f.duration(to === null ? Math.max(0, cloudNowMs - fromMs) / 1_000 : seconds),
    f.dateTime(fromMs),
    to === null ? t('fleet.lasts') : f.dateTime(Date.parse(to)),
    detailCell(detail, t),
  ];
}

/** The details that the cloud itself gives have words here; what comes from elsewhere is shown as it is, in English. */
const KNOWN_DETAILS = new Map([
  ['stopped in order', 'fleet.detail.inOrder'],
  ['ended without a word', 'fleet.detail.noWord'],
  ['stood still', 'fleet.detail.stoodStill'],
] as const);

function detailCell(detail: string, t: Locale['t']) {
  if (detail === '') return NO_VALUE;
  const known = [...KNOWN_DETAILS].find(([its]) => its === detail)?.[1];
  return known === undefined ? { text: detail, content: <span lang="en">{detail}</span> } : t(known);
}
