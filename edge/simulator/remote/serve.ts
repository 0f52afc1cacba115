/**
 * The other direction: a simulator of this process, for a mosaik somewhere. Speaks the simulator's side of the protocol.
 *
 * Calls are answered one after the other, in the order in which they came. Finalize is called once however it ends: mosaik says stop, its
 * connection closes, or this process is told to end.
 */
import { connect, createServer, type Socket } from 'node:net';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import { CosimError } from '../cosim/errors.ts';
import { type Inputs, type OutputRequest, type Outputs, outputsOf, type Params, type Simulator } from '../cosim/simulator.ts';
import { parseAddress } from './command-line.ts';
import { type IncomingRequest, RemoteChannel } from './remote-channel.ts';
import { toldEntity, toldMeta } from './remote-meta.ts';
import { WireRequests } from './wire-requests.ts';

export interface ServeOptions {
  simulator: Simulator;
  /** host:port of mosaik; with `listen`, where to wait for it. */
  address: string;
  listen: boolean;
  /** For connecting, or for mosaik to connect. */
  timeoutMs: number;
  clock: Clock;
  signal: AbortSignal;
  logger: Logger;
}

/** stopped: mosaik said so; lost: its connection closed or broke; aborted: the signal. */
export type ServeEnd = 'stopped' | 'lost' | 'aborted';

/** How long a call that is open may take to end when this process is told to. */
const OPEN_CALL_MS = 5_000;

/** @throws CosimError when there is no connection: WORLD_MISUSED for the address, PEER_UNREACHABLE otherwise */
export async function serveSimulator(options: ServeOptions): Promise<ServeEnd> {
  const { address, logger, signal } = options;
  const socket = options.listen ? await accepted(options) : await connected(options);
  if (socket === undefined) return 'aborted';
  logger.info({ address }, 'connected with mosaik');
  const end = await new Serving(socket, options).untilEnd();
  if (end === 'lost') logger.warn({ address }, 'mosaik closed the connection without saying stop');
  else if (end === 'aborted') logger.info({ reason: String(signal.reason) }, 'told to end');
  return end;
}

class Serving {
  private readonly options: ServeOptions;
  private readonly channel: RemoteChannel;
  private readonly requests: WireRequests;
  /** Ends when every call so far is answered. */
  private queue: Promise<void> = Promise.resolve();
  private extraMethods: readonly string[] = [];
  private isStarted = false;
  private end: (end: ServeEnd) => void = () => {};

  constructor(socket: Socket, options: ServeOptions) {
    this.options = options;
    this.channel = new RemoteChannel(socket, {
      onRequest: (request) => {
        this.queue = this.queue.then(() => this.answer(request));
      },
      onBroken: () => this.end('lost'),
    });
    this.requests = new WireRequests(this.channel, options.logger);
  }

  async untilEnd(): Promise<ServeEnd> {
    const { signal, simulator, clock } = this.options;
    const ended = new Promise<ServeEnd>((resolve) => {
      this.end = resolve;
    });
    const abort = () => this.end('aborted');
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    this.channel.start();
    const end = await ended;
    signal.removeEventListener('abort', abort);
    if (end === 'aborted') {
      const done = new AbortController();
      await Promise.race([this.queue, clock.sleep(OPEN_CALL_MS, done.signal)]);
      done.abort();
    }
    if (this.isStarted) await simulator.finalize?.();
    this.channel.end();
    return end;
  }

  /** Never rejects: a failure is the answer. */
  private async answer(request: IncomingRequest): Promise<void> {
    if (this.channel.isBroken) return;
    if (request.call === 'stop') {
      this.end('stopped');
      return;
    }
    try {
      const result = await this.resultOf(request);
      await this.requests.settled();
      request.succeed(result ?? null);
    } catch (error) {
      this.options.logger.error({ call: request.call, err: error }, 'a call failed');
      request.fail(...failureOf(error));
    }
  }

  private async resultOf({ call, args, named }: IncomingRequest): Promise<unknown> {
    const { simulator } = this.options;
    if (call === 'init') return this.init(args[0] as string, named);
    if (!this.isStarted) throw new CosimError('WORLD_MISUSED', `${call} came before init`, 'call init first');
    switch (call) {
      case 'create': {
        const entities = await simulator.create(args[0] as number, args[1] as string, named);
        return entities.map(toldEntity);
      }
      case 'setup_done':
        return simulator.setupDone?.();
      case 'step': {
        const [time, inputs, maxAdvance = time] = args as [number, Inputs, number?];
        return simulator.step(time, inputs, maxAdvance);
      }
      case 'get_data':
        return toldOutputs(outputsOf(await simulator.getData(args[0] as OutputRequest), args[0] as OutputRequest));
      default:
        if (simulator.call === undefined || !this.extraMethods.includes(call))
          throw new CosimError('WORLD_MISUSED', `there is no method ${call}`, 'call one that the meta lists');
        return simulator.call(call, args, named);
    }
  }

  private async init(sid: string, named: Params): Promise<unknown> {
    const { time_resolution: timeResolution = 1, ...params } = named;
    const meta = await this.options.simulator.init(sid, timeResolution as number, params, this.requests);
    this.extraMethods = meta.extraMethods ?? [];
    this.isStarted = true;
    return toldMeta(meta);
  }
}

function toldOutputs({ time, data }: Outputs): object {
  return time === undefined ? data : { ...data, time };
}

/** Type, message and where, as a Python would tell them. */
function failureOf(error: unknown): [string, string, string] {
  if (error instanceof CosimError) return [error.name, `${error.message}; what to do: ${error.hint}`, error.stack ?? ''];
  return error instanceof Error ? [error.name, error.message, error.stack ?? ''] : ['Error', String(error), ''];
}

/** Undefined when the signal came first. */
function connected({ address, timeoutMs, clock, signal }: ServeOptions): Promise<Socket | undefined> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const give = settleOnce(signal, () => {
      socket.destroy();
      resolve(undefined);
    });
    const fail = (why: string) =>
      give(() => {
        socket.destroy();
        reject(notConnected(`mosaik is not reached at ${address}: ${why}`, 'start mosaik first, or wait for it here with --remote'));
      });
    const timer = clock.timer('connecting to mosaik', timeoutMs, () => fail(`no answer for ${timeoutMs / 1_000} s`));
    socket.once('error', (error) => {
      timer.cancel();
      fail(error.message);
    });
    socket.once('connect', () => {
      timer.cancel();
      give(() => resolve(socket));
    });
    signal.addEventListener('abort', () => timer.cancel(), { once: true });
  });
}

/** Listens, takes one connection and no other. Undefined when the signal came first. */
function accepted({ address, timeoutMs, clock, signal, logger }: ServeOptions): Promise<Socket | undefined> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve, reject) => {
    const server = createServer();
    const give = settleOnce(signal, () => {
      server.close();
      resolve(undefined);
    });
    const fail = (error: CosimError) =>
      give(() => {
        server.close();
        reject(error);
      });
    const timer = clock.timer('waiting for mosaik', timeoutMs, () =>
      fail(
        notConnected(
          `mosaik did not connect to ${address} within ${timeoutMs / 1_000} s`,
          'start it sooner, or wait longer with --timeout',
        ),
      ),
    );
    server.once('error', (error) => {
      timer.cancel();
      const hint = 'choose another port, or an address of this machine';
      fail(new CosimError('WORLD_MISUSED', `can't listen at ${address}: ${error.message}`, hint));
    });
    server.on('connection', (socket) => {
      timer.cancel();
      server.close();
      let isFirst = false;
      give(() => {
        isFirst = true;
        resolve(socket);
      });
      if (!isFirst) socket.destroy();
    });
    server.listen({ host, port }, () => logger.info({ address }, 'waiting for mosaik'));
    signal.addEventListener('abort', () => timer.cancel(), { once: true });
  });
}

/** @returns runs what it is given, the first time only; the signal counts as the first time and runs `aborted` */
function settleOnce(signal: AbortSignal, aborted: () => void): (act: () => void) => void {
  let isSettled = false;
  const once = (act: () => void) => {
    if (isSettled) return;
    isSettled = true;
    act();
  };
  if (signal.aborted) once(aborted);
  else signal.addEventListener('abort', () => once(aborted), { once: true });
  return once;
}

function notConnected(message: string, hint: string): CosimError {
  return new CosimError('PEER_UNREACHABLE', message, hint);
}
