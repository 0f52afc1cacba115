/** The gRPC door of the cloud: meter usage, households, series, health and reflection on one port. It only reads. */
import { setMaxListeners } from 'node:events';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { OperatingError } from '../../../common/errors.ts';
import type { ApiParts } from '../api/api-parts.ts';
import { meterUsageRows } from '../api/meter-usage-rows.ts';
import { listHouseholds } from './household-service.ts';
import { loadProtos } from './protos.ts';
import { askedSeries, readSeries } from './series-service.ts';
import { GRPC_STREAMS_MAX, StreamCalls } from './stream-calls.ts';
import { tailWindows } from './tail-service.ts';

/** Bytes of a request: a hundred references with ids of 64 digits. */
const REQUEST_BYTES_MAX = 64 * 1024;
/** Bytes of a message to a client; ours have some hundred. */
const MESSAGE_BYTES_MAX = 64 * 1024;
/** Calls at once on one connection. */
const CALLS_PER_CONNECTION_MAX = 32;
/** A connection on which nothing comes is asked after so long whether it is still there … */
const KEEPALIVE_MS = 60_000;
/** … and closed when it does not answer. */
const KEEPALIVE_DEADLINE_MS = 20_000;
/** A connection without a call is closed after so long; clients open another by themselves. */
const IDLE_MAX_MS = 30 * 60_000;
/** Calls under way when the server stops are told so, and given so long. */
const STOP_GRACE_MS = 1_000;

export interface GrpcServerOptions {
  parts: ApiParts;
  demandsToken: boolean;
  /** PEM; undefined for plaintext. */
  tls: { certificate: string; key: string } | undefined;
}

export class GrpcServer {
  private readonly options: GrpcServerOptions;
  private readonly stopping = new AbortController();
  private readonly health: HealthImplementation;
  private readonly server: Server;
  private isServing = false;

  constructor(options: GrpcServerOptions) {
    this.options = options;
    // Every stream waits for it.
    setMaxListeners(GRPC_STREAMS_MAX + 1, this.stopping.signal);
    this.health = new HealthImplementation({ '': 'NOT_SERVING' });
    this.server = new Server({
      'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_concurrent_streams': CALLS_PER_CONNECTION_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_DEADLINE_MS,
      'grpc.max_connection_idle_ms': IDLE_MAX_MS,
    });
  }

  /**
   * @param port 0 = any free one
   * @returns the port really listened on
   * @throws OperatingError PORT_TAKEN
   */
  async start(host: string, port: number): Promise<number> {
    this.addServices();
    const { tls } = this.options;
    const credentials =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) }]);
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const bound = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(address, credentials, (error, its) => (error === null ? resolve(its) : reject(notBound(host, port, error))));
    });
    this.tellHealth('SERVING');
    this.isServing = true;
    return bound;
  }

  /** False from the first moment of stopping. */
  get serving(): boolean {
    return this.isServing;
  }

  /** Ends the streams with UNAVAILABLE, and cuts those that do not take it. */
  async stop(): Promise<void> {
    this.isServing = false;
    this.tellHealth('NOT_SERVING');
    this.stopping.abort();
    const { clock } = this.options.parts;
    const done = new AbortController();
    const shut = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    await Promise.race([shut, clock.sleep(STOP_GRACE_MS, done.signal)]);
    done.abort();
    this.server.forceShutdown();
  }

  private addServices(): void {
    const { parts, demandsToken } = this.options;
    const { metrics, clock, logger, doors } = parts;
    const protos = loadProtos();
    const calls = new StreamCalls({ demandsToken, tokens: doors.tokens, protos, metrics, clock, logger, signal: this.stopping.signal });
    this.server.addService(protos.meterUsage, {
      ReadData: calls.served('ReadData', (request: ReadRequest, signal) => readData(parts, request, signal)),
    });
    this.server.addService(protos.households, {
      ListHouseholds: calls.served('ListHouseholds', (request: { state?: string }) => listHouseholds(parts, request)),
    });
    this.server.addService(protos.series, {
      ReadSeries: calls.served('ReadSeries', (request: Parameters<typeof readSeries>[1], signal) => readSeries(parts, request, signal)),
      TailWindows: calls.served('TailWindows', (request: Parameters<typeof tailWindows>[1], signal) => tailWindows(parts, request, signal)),
    });
    this.health.addToServer(this.server as unknown as Parameters<HealthImplementation['addToServer']>[0]);
    new ReflectionService(protos.reflected).addToServer(this.server);
  }

  private tellHealth(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const service of HEALTH_NAMES) this.health.setStatus(service, status);
  }
}

/** The empty name is the server as a whole. */
const HEALTH_NAMES = ['', 'meterusage.MeterUsage', 'fogline.v1.HouseholdService', 'fogline.v1.SeriesService'];

interface ReadRequest {
  timestampFrom?: number;
  timestampTo?: number;
  series?: string;
}

/** meterusage.MeterUsage/ReadData: NaN where there is no reading. */
async function* readData(parts: ApiParts, request: ReadRequest, signal: AbortSignal): AsyncGenerator<{ timestamp: number; value: number }> {
  const { timestampFrom, timestampTo, series } = request;
  const rows = meterUsageRows(parts, {
    series: series === undefined ? undefined : askedSeries([series])[0],
    fromMs: timestampFrom === undefined ? undefined : timestampFrom * 1_000,
    toMs: timestampTo === undefined ? undefined : timestampTo * 1_000,
    signal,
  });
  for await (const { timestamp, value } of rows) yield { timestamp, value: value ?? Number.NaN };
}

function notBound(host: string, port: number, cause: Error): Error {
  if (!/EADDRINUSE/.test(cause.message)) return cause;
  const hint = 'stop what listens there, or set cloud.grpc_port to another port (0 = any free one)';
  return new OperatingError('PORT_TAKEN', `port ${port} on ${host} is taken`, { retryable: false, hint, cause });
}
