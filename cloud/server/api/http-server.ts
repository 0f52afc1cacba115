/** The cloud's HTTP side: the API, the live stream and the page, on one port. It only reads. */
import { setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { OperatingError } from '../../../common/errors.ts';
import { addressGroup } from '../../../common/link/link-gate.ts';
import type { Logger } from '../../../common/logger.ts';
import type { ApiOptions, ApiParts } from './api-parts.ts';
import { API_ROUTES } from './api-routes.ts';
import { compressed } from './compress.ts';
import { admitted, onlyByOurNames } from './doors.ts';
import { LiveStream, STREAM_CLIENTS_MAX } from './live-sse.ts';
import { Overview } from './overview.ts';
import { answerProblems, noSuchPath, onlyGet, Problem } from './problem.ts';
import { ReadGate } from './read-gate.ts';
import { rateLimits } from './rate-limits.ts';
import { loginRoutes } from './routes/login.ts';
import { LIVEZ } from './routes/operations.ts';
import { assetRoutes, pageRoutes } from './routes/page.ts';
import { Sessions } from './sessions.ts';

/** Sockets at once: every stream, and as many again for short requests. */
const CONNECTIONS_MAX = 1_000;
/** A quarter: fifty streams, and the short requests of a script or a whole office behind one address. */
const CONNECTIONS_PER_ADDRESS_MAX = 250;
/** Time for a client to send its request; a GET is one packet. */
const REQUEST_DEADLINE_MS = 10_000;
/** Answers under way when the server stops are given so long. */
const STOP_GRACE_MS = 1_000;
const STOP_POLL_MS = 20;
/** Half a year, renewed by every answer. */
const STAY_WITH_TLS_SECONDS = 15_552_000;
const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10];

export interface Api {
  /**
   * @param port 0 = any free one
   * @returns the port really listened on
   * @throws OperatingError PORT_TAKEN
   */
  start(host: string, port: number): Promise<number>;
  /** What the routes are given, for other doors to the same. */
  readonly parts: ApiParts;
  /** What answers, with the routes that it has. */
  readonly application: Express;
  /** Ends the streams, lets short answers finish and closes. */
  stop(): Promise<void>;
}

export function createApi(options: ApiOptions): Api {
  const stopping = new AbortController();
  // Every stream waits for it.
  setMaxListeners(STREAM_CLIENTS_MAX + 1, stopping.signal);
  const { store, latest, clock, stateNames, settings } = options;
  const overview = new Overview({
    store,
    latest,
    clock,
    stateNames,
    priceEurPerKwh: settings.priceEurPerKwh,
    windowMs: settings.windowMs,
    intervalMsOf: options.intervalMsOf,
  });
  const shared = { ...options, overview, gate: new ReadGate(), startedAtMs: clock.nowMs(), signal: stopping.signal };
  const live = new LiveStream(shared);
  const parts: ApiParts = { ...shared, live };
  const app = application(parts);
  const server = createServer(
    { requestTimeout: REQUEST_DEADLINE_MS, headersTimeout: REQUEST_DEADLINE_MS, connectionsCheckingInterval: REQUEST_DEADLINE_MS },
    app,
  );
  server.maxConnections = CONNECTIONS_MAX;
  // A proxy's address is everybody's.
  if (!options.doors.isBehindProxy) limitPerAddress(server);
  return {
    parts,
    application: app,
    async start(host, port) {
      overview.start();
      live.start();
      await listen(server, host, port, options.logger);
      return (server.address() as AddressInfo).port;
    },
    async stop() {
      stopping.abort();
      live.stop();
      overview.stop();
      await close(server, options);
    },
  };
}

/** One more is ended at once, so that nobody who says nothing holds the port for all. */
function limitPerAddress(server: Server): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = addressGroup(socket.remoteAddress ?? '');
    const count = open.get(address) ?? 0;
    if (count >= CONNECTIONS_PER_ADDRESS_MAX) {
      socket.destroy();
      return;
    }
    open.set(address, count + 1);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

function application(parts: ApiParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.set('trust proxy', parts.doors.isBehindProxy ? 'loopback' : false);
  app.use(securityHeaders());
  app.use(measure(parts));
  app.use(compressed());
  enter(app, parts);
  app.use(onlyGet);
  app.use('/api', (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  for (const { path, handler } of API_ROUTES) app.get(path, handler(parts));
  app.use(pageRoutes(parts));
  app.use(noSuchPath);
  app.use(answerProblems(parts.logger));
  return app;
}

/** What stands before every route but /livez, the form and its files: our name, how often, and who. */
function enter(app: Express, parts: ApiParts): void {
  const { doors, clock, settings } = parts;
  const sessions = new Sessions(doors.tokens, clock);
  const limits = rateLimits();
  app.use(onlyByOurNames(doors));
  app.use(limits.perAddress);
  app.get(LIVEZ.path, LIVEZ.handler(parts));
  app.use(loginRoutes({ doors, sessions, pageDir: settings.pageDir, limit: limits.logins }));
  app.use(assetRoutes(settings));
  app.use(admitted(doors, sessions), limits.perToken);
  app.use(countRefusals(limits.refusals));
}

/** Who was not let in is counted, and held up when that happens too often. */
function countRefusals(limit: RequestHandler): ErrorRequestHandler {
  return (error, request, response, next) => {
    if (!(error instanceof Problem) || error.status !== 401) return next(error);
    return limit(request, response, (beyond?: unknown) => next(beyond ?? error));
  };
}

/** No other origin, no inline script or style, no frame. Only where a proxy has TLS before us browsers are told to stay with it. */
function securityHeaders(): RequestHandler {
  const plain = securityHeadersWith(false);
  const secure = securityHeadersWith(true);
  return (request, response, next) => (request.secure ? secure : plain)(request, response, next);
}

function securityHeadersWith(isSecure: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'self'"],
        'base-uri': ["'none'"],
        'form-action': ["'none'"],
        'frame-ancestors': ["'none'"],
        'object-src': ["'none'"],
      },
    },
    strictTransportSecurity: isSecure ? { maxAge: STAY_WITH_TLS_SECONDS, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'no-referrer' },
  });
}

/** Counts and times every request but the streams, under the route's pattern so that ids make no new label values. */
function measure({ metrics, clock }: ApiParts): RequestHandler {
  const requests = metrics.counter('fogline_http_requests_total', 'Requests answered.', ['route', 'status']);
  const durations = metrics.histogram('fogline_http_request_seconds', 'Time to answer.', DURATION_BUCKETS_SECONDS, ['route']);
  return (request, response, next) => {
    const startedMs = clock.monotonicMs();
    response.once('close', () => {
      const route = routeOf(request.route);
      requests.add(1, { route, status: response.statusCode });
      if (route !== '/api/v1/stream') durations.observe((clock.monotonicMs() - startedMs) / 1_000, { route });
    });
    next();
  };
}

function routeOf(route: unknown): string {
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined;
  return typeof path === 'string' ? path : 'other';
}

async function listen(server: Server, host: string, port: number, logger: Logger): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      const hint = 'stop what listens there, or set cloud.http_port to another port (0 = any free one)';
      reject(new OperatingError('PORT_TAKEN', `port ${port} on ${host} is taken`, { retryable: false, hint, cause: error }));
    });
    server.listen(port, host, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', (error) => logger.error({ err: error }, 'http server'));
}

/** A connection kept alive counts as open until it is idle and told to go, so the idle ones are told again and again. */
async function close(server: Server, { clock }: ApiOptions): Promise<void> {
  let isClosed = false;
  const closed = new Promise<void>((resolve) => server.close(() => resolve())).then(() => {
    isClosed = true;
  });
  const deadlineMs = clock.monotonicMs() + STOP_GRACE_MS;
  while (!isClosed) {
    if (clock.monotonicMs() < deadlineMs) server.closeIdleConnections();
    else server.closeAllConnections();
    await Promise.race([closed, clock.sleep(STOP_POLL_MS)]);
  }
}
