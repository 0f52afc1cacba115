/** What people and their tools see of the cloud: alerts and events, doors, API and page. Started and stopped together. */
import { fileURLToPath } from 'node:url';
import { FOGLINE } from '../../common/installation.ts';
import { printEvent } from '../../common/child-events.ts';
import type { Clock } from '../../common/clock.ts';
import type { Config } from '../../common/config.ts';
import type { Logger } from '../../common/logger.ts';
import type { Metrics } from '../../common/metrics.ts';
import { eventReply } from './alerts.ts';
import type { AlertReply } from './api/api-types.ts';
import { type Api, createApi } from './api/http-server.ts';
import { formatRows } from './export-rows.ts';
import { FleetRecord } from './fleet-record.ts';
import type { Liveness } from './liveness.ts';
import type { GrpcServer } from './grpc/grpc-server.ts';
import { grpcTls, type OpenedDoors, openDoors, TLS_HINT } from './open-doors.ts';
import { STATE_NAMES } from './postal-codes.ts';
import type { EventLog } from './storage/event-log.ts';
import type { FleetLog } from './storage/fleet-log.ts';
import type { Latest } from './storage/latest.ts';
import type { SeriesStore } from './storage/series-store.ts';
import { SqliteEventLog } from './storage/sqlite-event-log.ts';
import { SqliteFleetLog } from './storage/sqlite-fleet-log.ts';
import { Watch } from './watch.ts';

/** As `fogline run` says a household that is parked. */
const HOUSEHOLD_SAID_CHARACTERS = 12;

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
  intervalMsOf: (household: string) => number;
}

export class Front {
  private readonly options: FrontOptions;
  private readonly events: EventLog;
  private readonly fleet: FleetLog;
  private readonly record: FleetRecord;
  private readonly watch: Watch;
  private readonly opened: OpenedDoors;
  private readonly api: Api;
  private grpc: GrpcServer | undefined;
  /** Really listened on. */
  private httpPort = 0;
  private grpcPort: number | undefined;
  /** `ready` is the first event of a part; nothing is told before. */
  private isReady = false;

  /** @throws ConfigError for doors that can't be opened as the settings say */
  constructor(options: FrontOptions) {
    this.options = options;
    const { config, stateDir, clock, windowMs } = options;
    this.events = new SqliteEventLog(options);
    this.fleet = new SqliteFleetLog(options);
    this.record = new FleetRecord({ ...options, log: this.fleet });
    this.watch = new Watch({ ...options, log: this.events, onOpen: () => this.tellOpen() });
    this.opened = openDoors(config, stateDir, clock);
    const pageDir = PAGE_DIRS.map((dir) => fileURLToPath(new URL(dir, import.meta.url)))[import.meta.url.endsWith('.ts') ? 1 : 0] as string;
    const { price_eur_per_kwh: priceEurPerKwh, data_label: dataLabel } = config.dashboard;
    const meterUsageHousehold = config.cloud.meter_usage_household;
    const settings = { priceEurPerKwh, dataLabel, windowMs, meterUsageHousehold, pageDir };
    const { events, fleet, watch } = this;
    this.api = createApi({
      ...options,
      watch,
      events,
      fleet,
      eventReply,
      doors: this.opened.doors,
      grpcState: () => (config.cloud.grpc_port === null ? 'off' : this.grpc?.serving === true ? 'serving' : 'stopped'),
      settings,
      stateNames: STATE_NAMES,
      formatRows,
    });
  }

  /**
   * Store, `latest` and liveness must be started.
   * @param isAlone no other cloud server has this state directory
   */
  async start(isAlone: boolean): Promise<void> {
    await this.events.start();
    await this.fleet.start();
    await this.record.start(isAlone);
    await this.watch.start();
    const { http_host: host, http_port: port } = this.options.config.cloud;
    this.httpPort = await this.api.start(host, port);
    await this.startGrpc();
  }

  async stop(): Promise<void> {
    await this.grpc?.stop();
    await this.api.stop();
    await this.watch.stop();
    await this.record.stop();
    await this.fleet.stop();
    await this.events.stop();
  }

  /** Its packages are loaded only where the settings open the door. */
  private async startGrpc(): Promise<void> {
    const { config } = this.options;
    const { grpc_host: host, grpc_port: port } = config.cloud;
    if (port === null) return;
    const tls = grpcTls(config);
    const { GrpcServer } = await import('./grpc/grpc-server.ts');
    this.grpc = new GrpcServer({ parts: this.api.parts, demandsToken: this.opened.grpcDemandsToken, tls });
    this.grpcPort = await this.grpc.start(host, port);
  }

  /** Called when the whole cloud serves. @returns the address of the page */
  tellReady(heartbeatPort: number, dataPort: number): string {
    const { httpPort, grpcPort } = this;
    const { json, config } = this.options;
    const url = `http://${config.cloud.http_host}:${httpPort}`;
    const grpc = grpcPort === undefined ? {} : { grpcPort };
    if (json) printEvent({ event: 'ready', part: 'cloud', url, httpPort, heartbeatPort, dataPort, ...grpc });
    else {
      const grpcText = grpcPort === undefined ? '' : `, gRPC at port ${grpcPort}`;
      process.stdout.write(`cloud: page at ${url}${grpcText}, edges at ports ${heartbeatPort} (heartbeats) and ${dataPort} (data)\n`);
    }
    this.tellFirst();
    return url;
  }

  /** Makes the first token and says it, never into the log, and what the operator should know. */
  private tellFirst(): void {
    this.isReady = true;
    this.tellOpen();
    const { json } = this.options;
    const { warning } = this.opened;
    const firstToken = this.opened.firstToken();
    const hint = `the page asks for it at /login; it is kept nowhere. More: ${FOGLINE} token new`;
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

/** For one line of a status, so of a household's id only the beginning; empty when nothing is raised. */
export function firstOf([first]: readonly Pick<AlertReply, 'about' | 'subject' | 'title'>[]): string {
  if (first === undefined) return '';
  const { about, subject, title } = first;
  return `${`${about} ${about === 'household' ? subject.slice(0, HOUSEHOLD_SAID_CHARACTERS) : subject}`.trim()} ${title}`;
}
