/** What people and their tools see of the cloud: alerts and events, doors, API and page. Started and stopped together. */
import { fileURLToPath } from 'node:url';
import { printEvent } from '../../common/child-events.ts';
import type { Clock } from '../../common/clock.ts';
import type { Config } from '../../common/config.ts';
import type { Logger } from '../../common/logger.ts';
import type { Metrics } from '../../common/metrics.ts';
import { eventReply } from './alerts.ts';
import type { AlertReply } from './api/api-types.ts';
import { type Api, createApi } from './api/http-server.ts';
import { formatRows } from './export-rows.ts';
import type { Liveness } from './liveness.ts';
import { type OpenedDoors, openDoors, TLS_HINT } from './open-doors.ts';
import { STATE_NAMES } from './postal-codes.ts';
import type { EventLog } from './storage/event-log.ts';
import type { Latest } from './storage/latest.ts';
import type { SeriesStore } from './storage/series-store.ts';
import { SqliteEventLog } from './storage/sqlite-event-log.ts';
import { Watch } from './watch.ts';

/** dist/web beside dist/cloud/server; from the sources it is where the build puts it. */
const PAGE_DIRS = ['../../web', '../../dist/web'] as const;

export interface FrontOptions {
  config: Config;
  stateDir: string;
  /** Events for `fogline run` on stdout instead of lines for people. */
  json: boolean;
  store: SeriesStore;
  latest: Latest;
  liveness: Liveness;
  metrics: Metrics;
  clock: Clock;
  logger: Logger;
  windowMs: number;
}

export class Front {
  private readonly options: FrontOptions;
  private readonly events: EventLog;
  private readonly watch: Watch;
  private readonly opened: OpenedDoors;
  private readonly api: Api;
  /** `ready` is the first event of a part; nothing is told before. */
  private isReady = false;

  /** @throws ConfigError for doors that can't be opened as the settings say */
  constructor(options: FrontOptions) {
    this.options = options;
    const { config, stateDir, clock, windowMs } = options;
    this.events = new SqliteEventLog(options);
    this.watch = new Watch({ ...options, log: this.events, onOpen: () => this.tellOpen() });
    this.opened = openDoors(config, stateDir, clock);
    const pageDir = PAGE_DIRS.map((dir) => fileURLToPath(new URL(dir, import.meta.url)))[import.meta.url.endsWith('.ts') ? 1 : 0] as string;
    const { price_eur_per_kwh: priceEurPerKwh, data_label: dataLabel } = config.dashboard;
    const settings = { priceEurPerKwh, dataLabel, windowMs, pageDir };
    const { events, watch } = this;
    this.api = createApi({
      ...options,
      watch,
      events,
      eventReply,
      doors: this.opened.doors,
      settings,
      stateNames: STATE_NAMES,
      formatRows,
    });
  }

  /**
   * Store, `latest` and liveness must be started.
   * @returns the port really listened on
   */
  async start(): Promise<number> {
    await this.events.start();
    await this.watch.start();
    const { http_host: host, http_port: port } = this.options.config.cloud;
    return this.api.start(host, port);
  }

  async stop(): Promise<void> {
    await this.api.stop();
    await this.watch.stop();
    await this.events.stop();
  }

  /** Called once `ready` was told. Makes the first token and says it, never into the log, and what the operator should know. */
  tellFirst(): void {
    this.isReady = true;
    this.tellOpen();
    const { json } = this.options;
    const { warning } = this.opened;
    const firstToken = this.opened.firstToken();
    const hint = 'the page asks for it at /login; it is kept nowhere. More: fogline token new';
    if (firstToken !== undefined && json) printEvent({ event: 'token', part: 'cloud', token: firstToken, hint });
    else if (firstToken !== undefined) process.stdout.write(`cloud: token ${firstToken}\n  ${hint}\n`);
    if (warning === '') return;
    if (json) printEvent({ event: 'warning', part: 'cloud', message: warning, hint: TLS_HINT });
    else process.stderr.write(`fogline: ${warning}\n  what to do: ${TLS_HINT}\n`);
  }

  private tellOpen(): void {
    const open = this.watch.open();
    if (this.isReady && this.options.json) printEvent({ event: 'alerts', part: 'cloud', count: open.length, first: firstOf(open) });
  }
}

/** For one line of a status; empty when nothing is raised. */
function firstOf([first]: readonly AlertReply[]): string {
  return first === undefined ? '' : `${`${first.about} ${first.subject}`.trim()} ${first.title}`;
}
