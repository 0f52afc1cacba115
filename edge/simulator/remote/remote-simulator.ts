/**
 * A simulator at the other end of a socket, in a process of its own or anywhere: speaks mosaik's protocol with it.
 *
 * What does not happen: no call waits for ever, unless a limit was switched off; nothing that the peer sends or fails to send hangs the
 * run; no process that was started for it is left when finalize has resolved.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../../common/clock.ts';
import { CosimError, type CosimErrorPlace } from '../cosim/errors.ts';
import type {
  CreatedEntity,
  Inputs,
  OutputRequest,
  Outputs,
  Params,
  Requests,
  Simulator,
  SimulatorMeta,
  StepAnswer,
} from '../cosim/simulator.ts';
import { JsonError, PythonFloat } from './python-json.ts';
import { ChannelBroken, FailureReply, NotWholeError, RemoteChannel } from './remote-channel.ts';
import type { RemoteChild } from './remote-child.ts';
import { type ApiRules, entitiesFrom, isObject, metaOf } from './remote-meta.ts';
import { answerRequest } from './remote-requests.ts';

/** A connected simulator. */
export interface Peer {
  socket: Socket;
  /** Undefined when its process is not ours. */
  child: RemoteChild | undefined;
}

export interface RemoteSimulatorOptions {
  clock: Clock;
  /** Starts it, or connects to it. @throws CosimError SIMULATOR_NOT_STARTED or PEER_UNREACHABLE, with nothing left running */
  open: (sid: string) => Promise<Peer>;
  /** For the answer to init. */
  startTimeoutMs: number;
  /** For every other answer; Infinity for none. */
  callTimeoutMs: number;
  /** From stop until its process is ended, or the connection to one that is not ours is cut. */
  stopTimeoutMs: number;
  /** Told of what the run does not end for. */
  warn: (message: string) => void;
  /**
   * Sends get_data right behind step, which saves a way there and back. auto: to peers whose messages look like those of Python's
   * library, which answers in order also while a step waits for what it has asked; until one asks for something in a step.
   */
  pipelined: boolean | 'auto';
  /** Version of the API that its meta must tell; undefined for any that is understood. */
  apiVersion: string | undefined;
}

/** After a failure, how long a process may take to end by itself. */
const BROKEN_GRACE_MS = 1_000;
/** How long a process may take to end after its connection has closed, so that an error can tell how. */
const EPITAPH_MS = 500;
/** Of an answer, in a message. */
const TIME_CHARS_MAX = 100;

export class RemoteSimulator implements Simulator {
  readonly isOutside = true;
  private readonly options: RemoteSimulatorOptions;
  private sid = '';
  private peer: Peer | undefined;
  private channel: RemoteChannel | undefined;
  private closed: Promise<unknown> = Promise.resolve();
  private rules: ApiRules = { setupDone: true, maxAdvance: true };
  private tick: number | undefined;
  private isStepping = false;
  private hasAsked = false;
  private ending: Promise<void> | undefined;

  constructor(options: RemoteSimulatorOptions) {
    this.options = options;
  }

  async init(sid: string, timeResolution: number, params: Params, requests: Requests): Promise<SimulatorMeta> {
    this.sid = sid;
    const peer = await this.options.open(sid).catch((error: unknown) => {
      throw located(error, { sid });
    });
    this.peer = peer;
    this.closed = new Promise((resolve) => peer.socket.once('close', resolve));
    const channel = new RemoteChannel(peer.socket, {
      onRequest: (request) => {
        if (this.isStepping) this.hasAsked = true;
        answerRequest(request, requests);
      },
    });
    this.channel = channel;
    channel.start();
    try {
      const named = { time_resolution: new PythonFloat(timeResolution), ...params };
      const told = await this.within(channel.request('init', [sid], named), 'init', this.options.startTimeoutMs);
      const { meta, rules } = metaOf(sid, told, this.options.apiVersion);
      this.rules = rules;
      return meta;
    } catch (error) {
      await this.finalize();
      throw located(error, { sid, call: 'init' });
    }
  }

  async create(num: number, model: string, params: Params): Promise<readonly CreatedEntity[]> {
    const told = await this.ask('create', [num, model], params);
    try {
      return entitiesFrom(this.sid, told);
    } catch (error) {
      throw located(error, { sid: this.sid, call: 'create' });
    }
  }

  async setupDone(): Promise<void> {
    if (this.rules.setupDone) await this.ask('setup_done', []);
  }

  async step(time: number, inputs: Inputs, maxAdvance: number): Promise<number | null> {
    this.tick = time;
    this.isStepping = true;
    try {
      return nextOf(await this.within(this.requestStep(time, inputs, maxAdvance), 'step'));
    } finally {
      this.isStepping = false;
    }
  }

  async getData(wanted: OutputRequest): Promise<Outputs> {
    return this.outputsOf(await this.ask('get_data', [wanted]));
  }

  async stepThenGetData(time: number, inputs: Inputs, maxAdvance: number, wanted: OutputRequest): Promise<StepAnswer> {
    const channel = this.connected();
    if (!this.isPipelined) return { next: await this.step(time, inputs, maxAdvance), outputs: await this.getData(wanted) };
    this.tick = time;
    this.isStepping = true;
    let step: Promise<unknown> | undefined;
    let data: Promise<unknown> | undefined;
    channel.together(() => {
      step = this.requestStep(time, inputs, maxAdvance);
      data = channel.request('get_data', [wanted]);
    });
    data?.catch(() => undefined); // When the step fails, nobody waits for it.
    try {
      const next = nextOf(await this.within(step as Promise<unknown>, 'step'));
      this.isStepping = false;
      return { next, outputs: this.outputsOf(await this.within(data as Promise<unknown>, 'get_data')) };
    } finally {
      this.isStepping = false;
    }
  }

  call(method: string, args: readonly unknown[], named: Params): Promise<unknown> {
    return this.ask(method, args, named);
  }

  finalize(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  /** Lets it stop in its own time, up to a limit. */
  private async end(): Promise<void> {
    const { peer, channel } = this;
    if (peer === undefined || channel === undefined) return;
    const { clock, stopTimeoutMs } = this.options;
    const wasBroken = channel.isBroken;
    const endMs = clock.monotonicMs() + (wasBroken ? BROKEN_GRACE_MS : stopTimeoutMs);
    channel.tell('stop');
    const done = new AbortController();
    await Promise.race([this.closed, clock.sleep(endMs - clock.monotonicMs(), done.signal)]);
    done.abort();
    const isCut = !peer.socket.closed && !channel.isBroken;
    channel.destroy();
    const isEnded = await peer.child?.end(Math.max(0, endMs - clock.monotonicMs()));
    if (!isCut && isEnded !== true) return;
    const what = peer.child === undefined ? 'its connection was cut' : 'was ended';
    const late = `${this.sid} was still busy ${stopTimeoutMs / 1_000} s after it had been told to stop`;
    if (!wasBroken) this.options.warn(`${late}, and ${what}: what it had not finished is lost`);
  }

  private get isPipelined(): boolean {
    const { pipelined } = this.options;
    return pipelined === 'auto' ? this.channel?.looksLikePython === true && !this.hasAsked : pipelined;
  }

  private requestStep(time: number, inputs: Inputs, maxAdvance: number): Promise<unknown> {
    return this.connected().request('step', this.rules.maxAdvance ? [time, inputs, maxAdvance] : [time, inputs], {}, true);
  }

  private ask(call: string, args: readonly unknown[], named: object = {}): Promise<unknown> {
    return this.within(this.connected().request(call, args, named), call);
  }

  private connected(): RemoteChannel {
    if (this.channel === undefined) throw new CosimError('WORLD_MISUSED', 'a simulator was used before init', 'start it first');
    return this.channel;
  }

  private within(reply: Promise<unknown>, call: string, timeoutMs = this.options.callTimeoutMs): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        this.explained(error, call).then((told) => reject(located(told, this.placeOf(call))), reject);
      };
      const late = () => {
        reject(this.silent(call, timeoutMs).at(this.placeOf(call)));
        this.channel?.destroy();
      };
      const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : this.options.clock.timer(`answer of ${this.sid}`, timeoutMs, late);
      reply.then(
        (content) => {
          timer?.cancel();
          resolve(content);
        },
        (error: unknown) => {
          timer?.cancel();
          fail(error);
        },
      );
    });
  }

  private placeOf(call: string): CosimErrorPlace {
    return { sid: this.sid, call, ...(this.isInRun(call) ? { time: this.tick } : {}) };
  }

  private isInRun(call: string): boolean {
    return this.tick !== undefined && (call === 'step' || call === 'get_data');
  }

  private place(call: string): string {
    return this.isInRun(call)
      ? `${this.sid}, ${call} at ${this.tick}`
      : `${this.sid}, ${call} ${this.tick === undefined ? 'before the run' : `after the step at ${this.tick}`}`;
  }

  private silent(call: string, timeoutMs: number): CosimError {
    return new CosimError(
      'SIMULATOR_SILENT',
      `${this.place(call)}: no answer for ${timeoutMs / 1_000} s`,
      `look at what ${this.sid} is doing; ${raiseText(call === 'init' ? 'start' : 'step')} if it needs longer`,
    );
  }

  private async explained(error: unknown, call: string): Promise<unknown> {
    const place = this.place(call);
    if (error instanceof FailureReply) {
      const { type, message, traceback } = error;
      const where = traceback === '' ? '' : `; it tells:\n${traceback}`;
      const text = `${place}: it failed with ${type === '' ? '' : `${type}: `}${message}`;
      return new CosimError('SIMULATOR_FAILED', text, `correct ${this.sid}, or what it was given${where}`, { cause: error });
    }
    if (error instanceof NotWholeError)
      return new CosimError('NEXT_STEP_INVALID', `${place}: ${error.message}`, 'answer a whole number or null to step', { cause: error });
    if (error instanceof JsonError)
      return new CosimError(
        'ANSWER_INVALID',
        `${place}: it can't be asked: ${error.message}`,
        'hand only JSON values to simulators outside',
      );
    if (!(error instanceof ChannelBroken)) return error;
    if (error.how === 'garbled')
      return new CosimError(
        'PROTOCOL_BROKEN',
        `${place}: it sent what is no message of mosaik's protocol: ${error.message}`,
        `correct ${this.sid}; if it uses a library for this, that one`,
      );
    return new CosimError('SIMULATOR_GONE', `${place}: ${error.message}${await this.epitaph()}`, `look at why ${this.sid} went away`);
  }

  private async epitaph(): Promise<string> {
    const child = this.peer?.child;
    if (child === undefined || !(await child.endsWithin(EPITAPH_MS))) return '';
    return `; its process ${await child.epitaph()}`;
  }

  private outputsOf(told: unknown): Outputs {
    if (!isObject(told))
      throw new CosimError(
        'ANSWER_INVALID',
        `${this.place('get_data')}: the answer is no object`,
        'answer values by entity and attribute',
        this.placeOf('get_data'),
      );
    if (!Object.hasOwn(told, 'time')) return { data: told as Outputs['data'] };
    const { time, ...data } = told;
    const tick = typeof time === 'number' || typeof time === 'bigint' ? nextOf(time) : null;
    if (tick !== null) return { time: tick, data: data as Outputs['data'] };
    throw new CosimError(
      'ANSWER_INVALID',
      `${this.place('get_data')}: time is ${JSON.stringify(time)?.slice(0, TIME_CHARS_MAX)}, a whole tick is wanted`,
      'answer the tick of the outputs, or leave time out; no entity can have that name',
      this.placeOf('get_data'),
    );
  }
}

const LIMITS = { start: ['startTimeoutSeconds', 'startTimeoutMs'], step: ['stepTimeoutSeconds', 'callTimeoutMs'] } as const;

/** How to have more time. */
export function raiseText(limit: keyof typeof LIMITS): string {
  const [inFile, inProgram] = LIMITS[limit];
  return `raise ${inFile} in the scenario file, ${inProgram} in a program,`;
}

function located(error: unknown, place: CosimErrorPlace): unknown {
  return error instanceof CosimError ? error.at(place) : error;
}

/**
 * Python counts True as 1, and has whole numbers beyond ours (sys.maxsize for never): such a tick is after the end of every run. Everything
 * else that is no tick is refused by who asked.
 */
function nextOf(told: unknown): number | null {
  if (typeof told === 'boolean') return Number(told);
  if (typeof told === 'bigint') return told > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
  if (Number.isInteger(told)) return Math.min(told as number, Number.MAX_SAFE_INTEGER);
  return (told ?? null) as number | null;
}
