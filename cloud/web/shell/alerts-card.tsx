/** What is wrong now, since when, and what to do; not there while nothing is. */
import type { AlertReply } from '../../server/api/api-types.ts';
import { alertWords } from '../live/alert-words.ts';
import { liveStore } from '../live/live.ts';
import { useFreshness } from '../live/use-freshness.ts';
import { DataTable } from './data-table.tsx';
import { type Locale, useLocale } from './locale.ts';
import { useStore } from './store.ts';
import { toldCell } from './told-text.tsx';

/** @param about only those of these subjects: an edge, its households */
export function AlertsCard({ about }: { about?: ReadonlySet<string> }) {
  const locale = useLocale();
  const { t } = locale;
  const { live } = useStore(liveStore);
  const isCut = useFreshness().kind === 'cut';
  if (live === null) return null;
  const alerts = live.alerts.filter(({ subject }) => about === undefined || about.has(subject));
  if (alerts.length === 0) return null;
  const alertCount = about === undefined ? live.alertCount : alerts.length;
  const columns = [t('overview.alert'), t('overview.since'), t('overview.figure'), t('overview.whatToDo')].map((title) => ({ title }));
  const some = alerts.length < alertCount ? t('overview.alertsSome', { some: alerts.length, all: alertCount }) : '';
  return (
    <section class="card" id="alerts" aria-labelledby="alerts-title">
      <div class="card-head">
        <div>
          <h2 id="alerts-title">{t(isCut ? 'overview.alertsBefore' : 'overview.alerts')}</h2>
          <p class="lead">{t('overview.alertsNote')}</p>
        </div>
        <a href="/api/v1/events">{t('overview.alertsHistory')}</a>
      </div>
      <DataTable
        id="alerts-table"
        columns={columns}
        caption={some}
        rows={alerts.map((alert) => ({ key: `${alert.alert} ${alert.subject}`, state: alert.severity, cells: cells(alert, locale) }))}
      />
    </section>
  );
}

function cells(alert: AlertReply, { f, t }: Locale) {
  const { what, figure, todo } = alertWords(alert, t);
  return [toldCell(what), f.dateTime(Date.parse(alert.since)), toldCell(figure), toldCell(todo)];
}
