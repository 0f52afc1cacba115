/**
 * What the parts print on stdout with --json, one JSON object a line; `fogline run` reads them from its children.
 */
export type ChildEvent =
  | { event: 'ready'; part: 'cloud'; url: string; httpPort: number; heartbeatPort: number; dataPort: number; grpcPort?: number }
  | { event: 'ready'; part: 'edge'; statusUrl: string; transport: string }
  | {
      event: 'ready';
      part: 'simulate';
      /** Id of the run in end marks and in EdgeStatus.runs. */
      run: string;
      households: number;
      /** e.g. "synthetic"; empty for data from a folder. */
      dataLabel: string;
      /** Earliest reading of all households, rounded down to a second; ISO-8601. */
      t0: string;
      startSeconds: number;
      untilSeconds: number;
    }
  | {
      event: 'progress';
      part: 'simulate';
      simulatedSeconds: number;
      untilSeconds: number;
      speed: number;
      etaSeconds: number;
      /** Readings put into the topic, all runs of this state. */
      published: number;
      quarantined: number;
    }
  | {
      event: 'finished';
      part: 'simulate';
      run: string;
      published: number;
      quarantined: number;
      parked: { household: string; reason: string }[];
      /** Of the run of a scenario file that was asked for; left out when the run had been finished before. */
      scenario?: ScenarioSummary;
      /** Nothing was left to simulate. */
      finishedBefore?: true;
    }
  /** The first token of the page, said this once; nobody keeps it but its reader. */
  | { event: 'token'; part: 'cloud'; token: string; hint: string }
  /** The alerts that are raised are others now: how many, and the most urgent one in words. */
  | { event: 'alerts'; part: 'cloud'; count: number; first: string }
  | WarningEvent
  | ErrorEvent;

/** Where the synthetic households are; said by `fogline sample`. */
export interface SampleEvent {
  event: 'sample';
  dir: string;
}

/** What a scenario file will be run as; said by `fogline plan`, which `fogline run` asks before it starts anything. */
export interface PlanEvent {
  event: 'plan';
  /** As the operator wrote it. */
  file: string;
  /** Empty when the file has none. */
  title: string;
  /** Household files are replayed: their number and times are known when they have been read. */
  isReplay: boolean;
  /** Without those of household files, and without the topic's. */
  entities: number;
  /** ISO-8601; empty in a replay. */
  t0: string;
  /** Null in a replay that ends with its data. */
  untilSeconds: number | null;
  /** Simulated seconds per second; null for as fast as possible. */
  speed: number | null;
}

/** Something is not as it should be, and the part goes on. */
export interface WarningEvent {
  event: 'warning';
  part: 'cloud' | 'edge' | 'simulate';
  message: string;
  /** What to do; empty when there is nothing. */
  hint: string;
}

/** Why a command ends: its last line. People read the same on stderr. */
export interface ErrorEvent {
  event: 'error';
  /** CONFIG (a setting, a file or a folder), USAGE (the command line), INTERNAL (a bug), an OperatingErrorCode or a CosimErrorCode. */
  code: string;
  message: string;
  /** What to do; empty for a bug. */
  hint: string;
  /** Of a CosimErrorCode: who must do it. */
  whoActs?: string;
  /** Of a CosimErrorCode, as far as they are known: the simulator, the call that it was given by mosaik's name, the tick of its step. */
  sid?: string | undefined;
  call?: string | undefined;
  time?: number | undefined;
  exitCode: number;
}

export interface ScenarioSummary {
  /** Two runs with the same one had the same exchanges. */
  traceHash: string;
  steps: number;
  /** Ticks that began late, and the worst delay. */
  laggingSteps: number;
  lagMsMax: number;
  /** By simulator, in the order of starting. */
  profile: {
    sid: string;
    steps: number;
    busyMs: number;
    waitingMs: number;
    /** Longest first. */
    waitedFor: readonly { sid: string; ms: number }[];
  }[];
}

export function printEvent(event: ChildEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
