/** One row per edge: is it heard, and how much waits in its outbox. */
import type { EdgeReply, LiveMessage } from '../../server/api/api-types.ts';
import { count, counted, dateAndTime, duration, NO_VALUE } from '../format.ts';
import { byId, setText, Table } from './elements.ts';

const TITLES = ['Edge', 'State', 'Last heartbeat', 'Outbox depth', 'Oldest waiting window', 'Households', 'Remarks'];

export class EdgesView {
  private readonly caption = document.createElement('span');
  private readonly table = new Table(byId('edges-table'), this.caption, TITLES);

  /**
   * @param sinceMessageMs time since the message arrived; heartbeats are as old as it said, and that much more
   * @param isCut nothing has been heard of the cloud: states are those before the cut
   */
  show(live: LiveMessage, sinceMessageMs: number, isCut: boolean): void {
    const cloudNowMs = Date.parse(live.sentAt) + sinceMessageMs;
    setText(this.caption, caption(live));
    this.table.show(
      live.edges.map((edge) => cells(edge, cloudNowMs, isCut)),
      live.edges.map((edge) => edge.state),
    );
  }
}

/** Empty where the heading says enough. */
function caption({ edges, edgeCount }: LiveMessage): string {
  if (edgeCount === 0) return 'No edge has reported yet.';
  return edges.length < edgeCount ? `${count(edges.length)} of ${count(edgeCount)} edges, the silent ones first` : '';
}

function cells(edge: EdgeReply, cloudNowMs: number, isCut: boolean): string[] {
  const oldest = edge.oldestUnackedAt === null ? undefined : dateAndTime(edge.oldestUnackedAt);
  return [
    edge.edge,
    isCut ? `${edge.state} before the cut` : edge.state,
    edge.lastHeartbeatAt === null
      ? 'not since the cloud started'
      : `${duration((cloudNowMs - Date.parse(edge.lastHeartbeatAt)) / 1_000)} ago`,
    counted(edge.queued, 'part'),
    oldest === undefined ? NO_VALUE : `${oldest.date} ${oldest.time} UTC`,
    count(edge.households),
    remarks(edge),
  ];
}

function remarks(edge: EdgeReply): string {
  const words: string[] = [];
  if (edge.outboxFull) words.push('outbox full: intake waits');
  if (edge.replayFinished) words.push('replay finished');
  if (edge.waitingCount > 0) words.push(`waits for the cloud to assign ${counted(edge.waitingCount, 'household')}`);
  const [first] = edge.parked;
  if (first !== undefined)
    words.push(`${counted(edge.parkedCount, 'household')} parked (${first.household.slice(0, 8)}…: ${first.reason})`);
  return words.length === 0 ? NO_VALUE : words.join('; ');
}
