/** Gets a simulator to the other end of a socket: by a command that connects back, or by connecting to one that listens. */
import { existsSync } from 'node:fs';
import { url as debuggerUrl } from 'node:inspector';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Clock } from '../../../common/clock.ts';
import { CosimError } from '../cosim/errors.ts';
import { fillCommand, parseAddress, splitCommand } from './command-line.ts';
import { RemoteChild } from './remote-child.ts';
import { type Peer, raiseText, RemoteSimulator, type RemoteSimulatorOptions } from './remote-simulator.ts';

/** An entry of a mosaik sim_config. */
export type Launch =
  | {
      /** `%(addr)s` is where to connect to, `%(python)s` the Python, `%%` a percent sign. No shell. */
      cmd: string;
      /** The current folder unless said. */
      cwd?: string;
      /** Added to the environment of this process. */
      env?: Readonly<Record<string, string>>;
    }
  | {
      /** host:port */
      connect: string;
    };

export interface StartRemoteOptions extends Partial<Omit<RemoteSimulatorOptions, 'open' | 'clock'>> {
  clock: Clock;
  launch: Launch;
  /** What %(python)s stands for. */
  python?: string;
  /** Variables of this process. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Where the listening socket is, and what the simulator is told. */
  host?: string;
  /** Lines that a started process writes. */
  onOutput?: (sid: string, line: string, stream: 'stdout' | 'stderr') => void;
}

/** For connecting, and again for the answer to init. */
const START_TIMEOUT_MS = 10_000;
const CALL_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
/** A process that did not connect in time has nothing to finish. */
const NOT_STARTED_GRACE_MS = 0;

export function remoteSimulator(options: StartRemoteOptions): RemoteSimulator {
  const {
    clock,
    startTimeoutMs = START_TIMEOUT_MS,
    callTimeoutMs = defaultCallTimeoutMs(),
    stopTimeoutMs = STOP_TIMEOUT_MS,
    pipelined = 'auto',
    apiVersion,
    warn = () => {},
  } = options;
  const open = (sid: string) => openPeer(sid, { ...options, startTimeoutMs });
  return new RemoteSimulator({ clock, open, startTimeoutMs, callTimeoutMs, stopTimeoutMs, pipelined, apiVersion, warn });
}

/** Who looks at a simulator in a debugger takes their time. */
function defaultCallTimeoutMs(): number {
  return debuggerUrl() === undefined ? CALL_TIMEOUT_MS : Number.POSITIVE_INFINITY;
}

type OpenOptions = StartRemoteOptions & { startTimeoutMs: number };

function openPeer(sid: string, options: OpenOptions): Promise<Peer> {
  return 'cmd' in options.launch ? startPeer(sid, options.launch, options) : connectPeer(sid, options.launch.connect, options);
}

async function startPeer(sid: string, launch: Extract<Launch, { cmd: string }>, options: OpenOptions): Promise<Peer> {
  const { clock, python = 'python3', environment, host = '127.0.0.1', onOutput = () => {} } = options;
  const folder = launch.cwd === undefined ? undefined : resolve(launch.cwd);
  // The platform would say that the program is not there.
  if (folder !== undefined && !existsSync(folder))
    throw new CosimError('SIMULATOR_NOT_STARTED', `${sid}: its folder ${folder} does not exist`, 'name one that does as its cwd');
  const server = createServer();
  const port = await listen(sid, server, host);
  let child: RemoteChild | undefined;
  try {
    const words = splitCommand(fillCommand(launch.cmd, { addr: `${host}:${port}`, python }));
    child = new RemoteChild({
      words,
      cwd: folder,
      environment: { ...environment, ...launch.env },
      clock,
      onOutput: (line, stream) => onOutput(sid, line, stream),
    });
    const socket = firstConnection(server);
    child.start();
    const connected = await connectedInTime(sid, socket, child, options);
    child.connected(connected);
    return { socket: connected, child };
  } catch (error) {
    await child?.end(NOT_STARTED_GRACE_MS);
    throw error;
  } finally {
    server.close();
  }
}

async function connectedInTime(sid: string, socket: Promise<Socket>, child: RemoteChild, options: OpenOptions): Promise<Socket> {
  const { clock, startTimeoutMs } = options;
  const done = new AbortController();
  const failed = child.whenEnded().then(() => {
    // A program that has started another one in the background may end well.
    return child.hasFailed
      ? undefined
      : new Promise<undefined>((_, never) => done.signal.addEventListener('abort', () => never(undefined)));
  });
  failed.catch(() => undefined);
  const outcome = await Promise.race([socket, failed, clock.sleep(startTimeoutMs, done.signal).then(() => 'late' as const)]);
  done.abort();
  if (outcome === undefined) {
    const text = `${sid}: its process ${await child.epitaph()}`;
    throw new CosimError('SIMULATOR_NOT_STARTED', `${text}, before it connected`, 'try its command in a terminal');
  }
  if (outcome !== 'late') return outcome;
  throw new CosimError(
    'SIMULATOR_NOT_STARTED',
    `${sid}: its process did not connect within ${startTimeoutMs / 1_000} s`,
    `check that its command uses %(addr)s; ${raiseText('start')} if it needs longer`,
  );
}

function listen(sid: string, server: Server, host: string): Promise<number> {
  return new Promise((resolved, reject) => {
    server.once('error', (error) => {
      reject(
        new CosimError('SIMULATOR_NOT_STARTED', `${sid}: can't listen at ${host}: ${error.message}`, 'name an address of this machine'),
      );
    });
    server.listen({ host, port: 0 }, () => resolved((server.address() as { port: number }).port));
  });
}

function firstConnection(server: Server): Promise<Socket> {
  return new Promise((resolved) => {
    server.once('connection', (socket) => {
      resolved(socket);
      server.on('connection', (second) => second.destroy());
    });
  });
}

async function connectPeer(sid: string, address: string, { clock, startTimeoutMs }: OpenOptions): Promise<Peer> {
  const { host, port } = parseAddress(address);
  const socket = connect({ host, port });
  const done = new AbortController();
  const connected = new Promise<string | undefined>((resolved) => {
    socket.once('connect', () => resolved(undefined));
    socket.once('error', (error) => resolved(error.message));
  });
  const late = clock.sleep(startTimeoutMs, done.signal).then(() => `no answer for ${startTimeoutMs / 1_000} s`);
  const failure = await Promise.race([connected, late]);
  done.abort();
  if (failure === undefined) return { socket, child: undefined };
  socket.destroy();
  throw new CosimError('PEER_UNREACHABLE', `${sid}: can't connect to ${address}: ${failure}`, 'start it there first');
}
