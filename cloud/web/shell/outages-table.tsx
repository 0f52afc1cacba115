/** When edges or the cloud were away, with length and cause; the open ones grow. */
import type { OutageDetailCode, OutageReply } from '../../server/api/api-types.ts';
import { NO_VALUE } from '../format.ts';
import { useCloudNow } from '../live/cloud-now.ts';
import { knownKey, parkedTold, told } from '../live/told.ts';
import { DataTable } from './data-table.tsx';
import { type Locale, useLocale } from './locale.ts';
import { addressOf } from './place.ts';
import { toldCell } from './told-text.tsx';

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

function cells({ edge, cause, from, to, seconds, ...more }: OutageReply, cloudNowMs: number, { t, f }: Locale) {
  const fromMs = Date.parse(from);
  const who = edge ?? t('fleet.cloud');
  const link = edge === null ? <>{who}</> : <a href={addressOf(`/fleet/${encodeURIComponent(edge)}`)}>{edge}</a>;
  return [
    { text: who, content: link },
    t(`fleet.cause.${cause === 'cloud down' ? 'cloud-down' : cause}`),
    f.duration(to === null ? Math.max(0, cloudNowMs - fromMs) / 1_000 : seconds),
    f.dateTime(fromMs),
    to === null ? t('fleet.lasts') : f.dateTime(Date.parse(to)),
    detailCell(more, t),
  ];
}

function detailCell({ detail, figure }: Pick<OutageReply, 'detail' | 'figure'>, t: Locale['t']) {
  if (detail === '') return NO_VALUE;
  const reason = figure?.reason === undefined ? undefined : parkedTold(t, '', figure.reason);
  return toldCell(told(t, knownKey(`fleet.detail.${figure?.code as OutageDetailCode}`), figure?.values ?? {}, detail, reason));
}
