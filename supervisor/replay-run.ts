/** One `fogline run`, from taking its state directory to the exit code. */
import { spawn } from 'node:child_process';
import { relative } from 'node:path';
import { FOGLINE } from '../common/installation.ts';
import type { ChildEvent, ErrorEvent, WarningEvent } from '../common/child-events.ts';
import type { Clock } from '../common/clock.ts';
import type { RunOptions } from '../common/command.ts';
import { speedFactor } from '../common/config.ts';
import { stoppedExitCode } from '../common/errors.ts';
import type { EdgeStatus } from '../common/messages.ts';
import { plainText } from '../common/plain-text.ts';
import { randomId } from '../common/random.ts';
import { DEFAULT_STATE_DIR } from '../common/run-command.ts';
import { type Asked, askPlan, askSample } from './asked-child.ts';
import { Child, type GaveUp } from './child.ts';
import { type PartName, PORT_TAKEN } from './child-rules.ts';
import { fetchJson } from './fetch-json.ts';
import { addedSettings, commandOf, type DataOfRun, mayFindForeignRecords, planOf, wishedPorts } from './parts.ts';
import { type ChosenPort, choosePorts, takenPorts } from './ports.ts';
import { identityOf } from '../common/process-identity.ts';
import { exitCodeWhenDone, hear, isAllKnown, isDone, newView, nounOf, type RunView, summaryOf } from './run-view.ts';
import { finishedBeforeText, grpcLine, replayLine, restartText, scenarioLine, statusLine, summaryText, warningText } from './run-text.ts';
import type { StateDir } from './state-dir.ts';
import type { Terminal } from './terminal.ts';

/** People are told where the page is by then, also when a part is still starting. */
const GREET_AFTER_MS = 1_500;
const LOOK_MS = 1_000;
/** When only the last parts are awaited, somebody waits for us. */
const LOOK_AT_THE_END_MS = 100;
/** The cloud may still be busy with the last parts when it is asked what it holds. */
const SUM_DEADLINE_MS = 10_000;
const TRIM_LOGS_EVERY_LOOKS = 10;
/** Ports are free when they are chosen. Of runs that are started at the same moment each next choice settles one at least. */
const PORT_CHOICES_MAX = 5;

/** What is read of GET /api/v1/households. */
interface HouseholdsPage {
  households: readonly { readings: number }[];
  nextCursor: string | null;
}

type Outcome = { kind: 'done' } | { kind: 'stopped' } | GaveUp;

export class ReplayRun {
  private readonly options: RunOptions;
  private readonly state: StateDir;
  private readonly terminal: Terminal;
  private readonly clock: Clock;
  private view: RunView = newView();
  private children: Child[] = [];
  /** Aborts when somebody stops us or a part gives up: ends the wait between two looks. */
  private over = new AbortController();
  private gaveUp: GaveUp | undefined;
  private ports: readonly ChosenPort[] = [];
  private startedMs = 0;
  private greeted = false;
  private replayKnownAtGreeting = false;
  private readyTold = false;
  private announcedDone = false;
  /** Reasons for ends of parts, and warnings, that were told. */
  private readonly told = new Set<string>();
  /** Starts the edge, when it waits for the simulator to be ready. */
  private startWaiting: (() => void) | undefined;

  constructor(options: RunOptions, state: StateDir, terminal: Terminal, clock: Clock) {
    this.options = options;
    this.state = state;
    this.terminal = terminal;
    this.clock = clock;
  }

  /** @returns the exit code */
  async perform(): Promise<number> {
    this.startedMs = this.clock.monotonicMs();
    await this.takeState();
    try {
      const outcome = await this.runOnFreePorts();
      const readings = await this.readingsStored();
      await this.stopParts();
      return this.conclude(outcome, readings);
    } finally {
      await this.stopParts();
      this.terminal.erase();
      this.state.close();
    }
  }

  /** A port that somebody took after it was found free is nobody's fault: others are chosen. All that are chosen here are the cloud's. */
  private async runOnFreePorts(): Promise<Outcome> {
    for (let choice = 1; ; choice++) {
      this.ports = await choosePorts(wishedPorts(this.options));
      const greeting = this.clock.timer('greet', GREET_AFTER_MS, () => this.greet());
      const outcome = (await this.startParts()) ?? (await this.watch());
      greeting.cancel();
      const isLost = outcome.kind === 'gave_up' && outcome.part === 'cloud' && outcome.errorCode === PORT_TAKEN && !outcome.everReady;
      if (!isLost || choice === PORT_CHOICES_MAX) return outcome;
      this.terminal.say('somebody took a port at this moment: all parts start again, on ports that are free now');
      await this.stopParts();
      this.beginAnew();
    }
  }

  private beginAnew(): void {
    this.children = [];
    this.view = newView();
    this.gaveUp = undefined;
    this.startWaiting = undefined;
    this.over = new AbortController();
    if (this.options.signal.aborted) this.over.abort();
    this.greeted = this.replayKnownAtGreeting = this.readyTold = false;
  }

  private async takeState(): Promise<void> {
    const aside = await this.state.open(this.options.fresh);
    if (aside !== undefined) this.terminal.say(`the old state is kept in ${aside}`);
    const { signal } = this.options;
    if (signal.aborted) this.over.abort();
    else signal.addEventListener('abort', () => this.over.abort(), { once: true });
  }

  /** @returns an outcome when there is nothing to watch */
  private async startParts(): Promise<Outcome | undefined> {
    const { config, signal } = this.options;
    const { data_dir: given, scenario_file: scenarioFile } = config.simulation;
    if (scenarioFile !== '') {
      const plan = await askPlan(commandOf(this.options, 'plan', []), signal);
      if (plan.kind !== 'said') return unsaid('scenario', plan);
      this.view.plan = plan.event;
    }
    let data: DataOfRun = this.view.plan?.isReplay === false ? { kind: 'simulated' } : { kind: 'folder', dir: given };
    if (data.kind === 'folder' && given === '') {
      const sample = await askSample(commandOf(this.options, 'sample', []), signal);
      if (sample.kind !== 'said') return unsaid('sample', sample);
      data = { kind: 'synthetic', dir: sample.event.dir };
    }
    if (signal.aborted) return { kind: 'stopped' };
    const settings = addedSettings(this.options, this.ports, data, randomId());
    this.startPart('cloud', settings);
    if (mayFindForeignRecords(this.options)) this.startWaiting = () => this.startPart('edge', settings);
    else this.startPart('edge', settings);
    this.startPart('simulate', settings);
    return undefined;
  }

  private startPart(part: PartName, settings: readonly string[]): void {
    const child = new Child(planOf(this.options, part, settings), this.clock, {
      onEvent: (event) => this.hear(event),
      onProcess: () => this.noteProcesses(),
      onRestart: (name, reason, waitMs, error) => this.tellRestart(name, reason, waitMs, error),
    });
    this.children.push(child);
    void child.start().then((end) => {
      if (end.kind !== 'gave_up') return;
      this.gaveUp ??= end;
      this.over.abort();
    });
  }

  private hear(event: ChildEvent): void {
    hear(this.view, event);
    if (event.event === 'token') this.terminal.say(`token     ${event.token}\n          ${event.hint}`);
    if (event.event === 'warning') this.tellWarning(event);
    if (event.event !== 'ready') return;
    if (event.part === 'simulate' && !this.over.signal.aborted) {
      this.startWaiting?.();
      this.startWaiting = undefined;
    }
    this.tellReady();
  }

  /** Each restart is told, each different reason once. */
  private tellRestart(part: PartName, reason: string, waitMs: number, error: ErrorEvent | undefined): void {
    this.view.restarts[part]++;
    const isNew = error !== undefined && this.isNews(`${error.code} ${error.message}`);
    this.terminal.say(restartText(part, reason, waitMs, isNew ? error : undefined));
    const { code, message, hint } = error ?? {};
    this.terminal.emit({ event: 'restart', part, reason, waitMs, code, message, hint });
  }

  private tellWarning(warning: WarningEvent): void {
    if (!this.isNews(`${warning.part} ${warning.message}`)) return;
    this.terminal.say(warningText(warning));
    this.terminal.emit(warning);
  }

  private isNews(text: string): boolean {
    if (this.told.has(text)) return false;
    this.told.add(text);
    return true;
  }

  private noteProcesses(): void {
    const running = this.children.flatMap(({ pid }) => (pid === undefined ? [] : [identityOf(pid)]));
    this.state.note({ children: running });
  }

  /** Where the page is, what is replayed, what to do next. Said once. */
  private greet(): void {
    if (this.greeted) return;
    this.greeted = true;
    const url = this.url();
    this.state.note({ url });
    const taken = takenPorts(this.ports);
    this.terminal.say(`Fogline   ${url}${taken.length === 0 ? '' : `   (${taken.join(', ')})`}`);
    this.terminal.say(this.runText());
    this.replayKnownAtGreeting = isAllKnown(this.view);
    this.terminal.say(`next      ${FOGLINE} export${this.stateOption()} > windows.csv   (Ctrl-C ends; the same command goes on)`);
    if (this.options.open) openBrowser(url);
  }

  /** Said once, when the simulator has read the data and the page is there. */
  private tellReady(): void {
    const { replay, url, grpcPort } = this.view;
    if (this.readyTold || replay === undefined || url === undefined) return;
    this.readyTold = true;
    this.greet();
    if (!this.replayKnownAtGreeting) this.terminal.say(this.runText());
    if (grpcPort !== undefined) this.terminal.say(grpcLine(this.options.config.cloud.grpc_host, grpcPort, url));
    this.terminal.emit({ ...replay, part: 'run', url, ...(grpcPort === undefined ? {} : { grpcPort }) });
    const before = this.state.finishedRun();
    if (before?.run === replay.run) this.terminal.say(finishedBeforeText(before));
  }

  /** `replays   …`, or `runs      …` for a scenario file. */
  private runText(): string {
    const { config } = this.options;
    const { data_dir: dataDir, loop, scenario_file: file } = config.simulation;
    if (file !== '') return `runs      ${scenarioLine(this.view, { file, dataDir, loop })}`;
    return `replays   ${replayLine(this.view, { dataDir, speed: speedFactor(config), loop })}`;
  }

  /** As the operator would write it; nothing for the default. */
  private stateOption(): string {
    const path = relative('', this.options.stateDir);
    return path === DEFAULT_STATE_DIR ? '' : ` --state ${path.startsWith('..') ? this.options.stateDir : path}`;
  }

  /** Known before the cloud listens, because we chose its port. */
  private url(): string {
    if (this.view.url !== undefined) return this.view.url;
    const { host, port } = this.ports[0]!;
    const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    return `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
  }

  private async watch(): Promise<Outcome> {
    for (let look = 1; ; look++) {
      if (this.gaveUp !== undefined) return this.gaveUp;
      if (this.options.signal.aborted) return { kind: 'stopped' };
      this.state.keep();
      await this.lookAtEdge();
      if (this.greeted && this.view.replay !== undefined) this.terminal.status(statusLine(this.view));
      // A finished state is done before its cloud listens; the page and the sum of readings need it.
      if (isDone(this.view) && this.view.url !== undefined) {
        this.rememberDone();
        if (this.options.exitWhenDone) return { kind: 'done' };
      }
      if (look % TRIM_LOGS_EVERY_LOOKS === 0) for (const child of this.children) child.trimLog();
      const atTheEnd = this.view.finished !== undefined && this.options.exitWhenDone;
      await this.clock.sleep(atTheEnd ? LOOK_AT_THE_END_MS : LOOK_MS, this.over.signal);
    }
  }

  private async lookAtEdge(): Promise<void> {
    const { statusUrl, finished } = this.view;
    if (statusUrl === undefined) return;
    const status = (await fetchJson(statusUrl)) as EdgeStatus | undefined;
    // An answer from before the end of the simulation says nothing about the end.
    this.view.edgeAnswers = status !== undefined && finished === this.view.finished;
    if (status !== undefined) this.view.edge = status;
  }

  private rememberDone(): void {
    const run = this.view.finished?.run;
    if (this.announcedDone || run === undefined) return;
    this.announcedDone = true;
    if (this.state.finishedRun()?.run !== run) this.state.rememberFinished({ run, finishedAt: new Date(this.clock.nowMs()).toISOString() });
    if (!this.options.exitWhenDone) this.terminal.say(`${nounOf(this.view)} finished; Ctrl-C ends`);
  }

  /** What the cloud holds, asked while it still runs; null when it does not answer. */
  private async readingsStored(): Promise<number | null> {
    if (this.view.url === undefined || !this.options.exitWhenDone) return null;
    const { token } = this.options.config.dashboard;
    let readings = 0;
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const address = `${this.view.url}/api/v1/households${page}`;
      const reply = (await fetchJson(address, SUM_DEADLINE_MS, token)) as HouseholdsPage | undefined;
      if (reply === undefined) return null;
      for (const household of reply.households) readings += household.readings;
      cursor = reply.nextCursor;
    }
    return readings;
  }

  /** Readers last: what is under way may still arrive. */
  private async stopParts(): Promise<void> {
    for (const part of ['simulate', 'edge', 'cloud'] as const) await this.children.find(({ plan }) => plan.part === part)?.stop();
  }

  private conclude(outcome: Outcome, readings: number | null): number {
    this.terminal.erase();
    const exitCode = this.exitCodeOf(outcome);
    const error = outcome.kind === 'gave_up' ? `${outcome.part}: ${outcome.message}` : undefined;
    if (error !== undefined) process.stderr.write(`fogline run ends: ${plainText(error)}\n`);
    const seconds = (this.clock.monotonicMs() - this.startedMs) / 1_000;
    const summary = summaryOf(this.view, { readings, seconds, exitCode, ...(error === undefined ? {} : { error }) });
    this.terminal.emit(summary);
    if (!this.options.json && outcome.kind === 'done') this.terminal.say(summaryText(summary, nounOf(this.view)));
    if (!this.options.json && outcome.kind === 'stopped') this.terminal.say('stopped; the same command goes on where it was');
    return exitCode;
  }

  private exitCodeOf(outcome: Outcome): number {
    if (outcome.kind === 'gave_up') return outcome.exitCode;
    if (outcome.kind === 'done') return exitCodeWhenDone(this.view);
    return stoppedExitCode(this.options.signal.reason, this.options.exitWhenDone);
  }
}

/** The run does not begin. */
function unsaid(part: string, asked: Exclude<Asked<never>, { kind: 'said' }>): Outcome {
  return asked.kind === 'stopped' ? asked : { ...asked, kind: 'gave_up', part, errorCode: null, everReady: false };
}

/** A machine without a browser is no reason to stop. */
function openBrowser(url: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  spawn(program, [url], { detached: true, stdio: 'ignore' })
    .on('error', () => {})
    .unref();
}
