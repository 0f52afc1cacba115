/** What is wrong now, since when, and what to do; hidden while nothing is. */
import type { AlertReply, LiveMessage } from '../../server/api/api-types.ts';
import { count, dateAndTime } from '../format.ts';
import { byId, setHidden, setText, Table } from './elements.ts';

const TITLES = ['Alert', 'Since', 'Figure', 'What to do'];

export class AlertsView {
  private readonly caption = document.createElement('span');
  private readonly table = new Table(byId('alerts-table'), this.caption, TITLES);

  /** @param isCut nothing has been heard of the cloud: these are the alerts from before */
  show({ alerts, alertCount }: LiveMessage, isCut: boolean): void {
    setHidden(byId('alerts'), alertCount === 0);
    setText(byId('alerts-title'), isCut ? 'Alerts before the cut' : 'Alerts');
    setText(
      this.caption,
      alerts.length < alertCount ? `${count(alerts.length)} of ${count(alertCount)} alerts, the critical ones first` : '',
    );
    this.table.show(
      alerts.map(cells),
      alerts.map(({ severity }) => severity),
    );
  }
}

function cells({ about, subject, title, since, detail, runbook }: AlertReply): string[] {
  const { date, time } = dateAndTime(since);
  return [`${`${about} ${subject}`.trim()} ${title}`, `${date} ${time} UTC`, detail, runbook];
}
