/** The edge's own page of numbers, on loopback: /status (EdgeStatus), /livez, /readyz, /metrics. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import { OperatingError } from '../../common/errors.ts';
import { hostNameOf } from '../../common/host-name.ts';
import { isLoopback } from '../../common/link/open-link.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import { type Gauge, Metrics } from '../../common/metrics.ts';

const LOOPBACK = '127.0.0.1';

export class StatusHttp {
  private readonly edge: string;
  private readonly status: () => EdgeStatus;
  private readonly isLinkUp: () => boolean;
  private readonly metrics = new Metrics();
  /** Of the status, which is looked up once for all of them. */
  private readonly gauges: { held: Gauge; read: (status: EdgeStatus) => number }[] = [];
  private server: Server | undefined;

  constructor(edge: string, status: () => EdgeStatus, isLinkUp: () => boolean) {
    this.edge = edge;
    this.status = status;
    this.isLinkUp = isLinkUp;
  }

  /** @returns the port really listened on */
  async start(port: number): Promise<number> {
    this.registerMetrics();
    const app = express();
    app.disable('x-powered-by');
    app.use(onlyByLoopbackNames);
    app.get('/status', (_request, response) => void response.json({ edge: this.edge, ...this.status() }));
    app.get(['/livez', '/readyz'], (_request, response) => void response.type('text').send('ok\n'));
    app.get('/metrics', async (_request, response) => {
      const status = this.status();
      for (const { held, read } of this.gauges) held.set(read(status), { edge: this.edge });
      response.type(this.metrics.contentType).send(await this.metrics.text());
    });
    return new Promise((resolve, reject) => {
      const server = app.listen(port, LOOPBACK);
      this.server = server;
      server.once('listening', () => resolve((server.address() as AddressInfo).port));
      server.once('error', (cause) => reject(portTaken(port, cause)));
    });
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  /** What the cloud tells of an edge too has its name and labels, so that one query takes whichever of both is there. */
  private registerMetrics(): void {
    const { metrics, edge } = this;
    metrics.addProcess();
    const gauge = (name: string, help: string, read: (status: EdgeStatus) => number) =>
      void this.gauges.push({ held: metrics.gauge(name, help, ['edge']), read });
    metrics.gauge('fogline_edge_link_up', '1 while the cloud answers heartbeats.', ['edge'], (held) =>
      held.set(this.isLinkUp() ? 1 : 0, { edge }),
    );
    gauge('fogline_edge_outbox_age_seconds', 'Event time between newest reading and oldest window not acknowledged.', ageSeconds);
    gauge('fogline_edge_waiting_households', 'Households that wait to be assigned.', (status) => status.waitingFor.length);
    gauge('fogline_edge_outbox_queued_rows', 'Rows not yet on their way.', (status) => status.queued);
    gauge('fogline_edge_outbox_sent_rows', 'Rows on their way, not acknowledged.', (status) => status.sent);
    gauge('fogline_edge_outbox_acked_rows', 'Acknowledged rows still kept.', (status) => status.acked);
    gauge('fogline_edge_parked_households', 'Households held back.', (status) => status.parked.length);
    gauge('fogline_edge_unreadable_records', 'Topic records set aside.', (status) => status.unreadable);
    gauge('fogline_edge_trimmed_early_rows', 'Acked rows deleted early because of the quota.', (status) => status.trimmedEarly);
    gauge('fogline_edge_outbox_damage', 'Places of the outbox found damaged since the start.', (status) => status.damaged ?? 0);
    gauge('fogline_edge_names_left_out', 'Households left out of hellos, their names are none.', (status) => status.leftOut ?? 0);
    gauge('fogline_edge_topic_damage', 'Damaged files of the topic that lie set aside.', (status) => status.topicDamage ?? 0);
    gauge('fogline_edge_outbox_full', '1 while the quota stops the intake.', (status) => (status.outboxFull ? 1 : 0));
  }
}

function ageSeconds({ newestMs, oldestUnackedMs }: EdgeStatus): number {
  return newestMs === null || oldestUnackedMs === null ? 0 : Math.max(0, newestMs - oldestUnackedMs) / 1_000;
}

/** A page of elsewhere whose name was turned to 127.0.0.1 reads nothing. */
const onlyByLoopbackNames: RequestHandler = (request, response, next) => {
  if (isLoopback(hostNameOf(request.headers.host))) return next();
  response.status(421).type('text').send('this page is asked for as 127.0.0.1 or localhost\n');
};

function portTaken(port: number, cause: Error): OperatingError {
  return new OperatingError('PORT_TAKEN', `the status port ${port} can't be listened on: ${cause.message}`, {
    retryable: false,
    hint: 'set edge.status_port to a free port, or to 0 for any',
    cause,
  });
}
