/**
 * Reads a scenario file and checks all of it before anything starts: shape, names, parameters, attributes, loops. Every mistake is told
 * with its line and its path in the file, all of them at once.
 *
 * What does not happen: no process is started, nothing is connected to, nothing is written. What a simulator outside of this process says
 * of itself is known in the run only; a mistake against that is told then, with the same path.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '../../../common/errors.ts';
import { parseTime, TIME_REMEDY } from '../../../common/iso-time.ts';
import { type Checking, type KnownSet, type KnownSimulator, refuse } from './checking.ts';
import { checkConnections } from './connection-check.ts';
import { checkEntities } from './entity-check.ts';
import { JsonSyntaxError, parsePlacedJson, type Path, type PlacedJson, pathText } from './json-comments.ts';
import { REPLAY, TOPIC } from './offered-models.ts';
import type { ScenarioFile } from './scenario-file.ts';
import { type Mistake, shapeOf } from './scenario-shape.ts';
import { checkCalls, checkFirstEvents, checkSimulators, type SimulatorSettings } from './simulator-check.ts';

export interface CheckSettings extends SimulatorSettings {
  /** Whoever runs it says how long. */
  hasUntil: boolean;
}

/** A file without mistakes. */
export interface CheckedScenario {
  path: string;
  /** Where its relative paths begin. */
  folder: string;
  file: ScenarioFile;
  /** Of everything that decides the values; not of how long and how fast. */
  fingerprint: string;
  /** Instant of tick 0; undefined when the file does not say it. */
  startMs: number | undefined;
  /** Household files are replayed; readings go into the topic. */
  isReplay: boolean;
  hasTopic: boolean;
  /** Without those that are left out. */
  simulators: readonly KnownSimulator[];
  sets: readonly KnownSet[];
  /** `file:line: path` */
  place: (path: Path) => string;
}

/** What is about the run, not about its values. */
const NOT_IN_FINGERPRINT: ReadonlySet<string> = new Set([
  '$schema',
  'title',
  'until',
  'speed',
  'rtFactor',
  'rtStrict',
  'rtToleranceMs',
  'lazyStepping',
  'python',
]);
const REMEDY = 'correct the file; scenario.schema.json says what may stand in it, and an editor that knows $schema shows it';

/** @throws ConfigError with all mistakes */
export function loadScenario(path: string, settings: CheckSettings): CheckedScenario {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`the scenario ${path} can't be read`, 'name a file that can be read: --scenario FILE', { cause });
  }
  return checkScenario(text, path, settings);
}

/** @throws ConfigError with all mistakes */
export function checkScenario(text: string, path: string, settings: CheckSettings): CheckedScenario {
  const placed = placedJson(text, path);
  const shape = shapeOf(placed.value);
  const { mistakes, names } = shape;
  const fingerprint = fingerprintOf(placed.value);
  const folder = dirname(resolve(path));
  const startMs = shape.file.start === undefined ? undefined : parseTime(shape.file.start);
  // Nobody else is to complain of it.
  const file = startMs === undefined ? withoutStart(shape.file) : shape.file;
  const checking: Checking = { file, folder, fingerprint, names, mistakes, absent: new Set(), simulators: new Map(), sets: new Map() };
  checkSimulators(checking, settings);
  checkEntities(checking);
  checkConnections(checking);
  checkFirstEvents(checking);
  checkCalls(checking);
  const isPresent = ({ sid }: KnownSimulator) => !checking.absent.has(sid);
  const simulators = [...checking.simulators.values()].filter(isPresent);
  const isReplay = simulators.some(({ entry }) => entry.model === REPLAY);
  const hasTopic = simulators.some(({ entry }) => entry.model === TOPIC);
  checkTimes(checking, shape.file, startMs, { isReplay, hasTopic, ...settings });
  const place = (its: Path) => `${path}:${placed.lineOf(its)}: ${pathText(its) || 'the file'}`;
  if (mistakes.length > 0) throw refusal(path, mistakes, placed, place);
  const sets = [...checking.sets.values()].filter(({ simulator }) => isPresent(simulator));
  return { path, folder, file, fingerprint, startMs, isReplay, hasTopic, simulators, sets, place };
}

function placedJson(text: string, path: string): PlacedJson {
  try {
    return parsePlacedJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new ConfigError(`${path}:${error.line}:${error.column}: ${error.message}`, 'correct the file: it is JSON, comments are allowed');
  }
}

function withoutStart(file: ScenarioFile): ScenarioFile {
  const { start: _wrong, ...others } = file;
  return others;
}

function checkTimes(
  checking: Checking,
  { start, until, speed, rtFactor }: ScenarioFile,
  startMs: number | undefined,
  { isReplay, hasTopic, hasUntil }: { isReplay: boolean; hasTopic: boolean; hasUntil: boolean },
): void {
  if (speed !== undefined && rtFactor !== undefined) refuse(checking, ['rtFactor'], 'does not go with speed: rtFactor 0.5 is speed 2');
  if (until === undefined && !isReplay && !hasUntil)
    refuse(checking, ['until'], 'is missing: say how many simulated seconds, here or with --until; only a replay ends with its data');
  if (isReplay && start !== undefined) refuse(checking, ['start'], 'is the earliest reading in a replay: leave this out');
  if (start === undefined && hasTopic && !isReplay) refuse(checking, ['start'], 'is missing: readings need the instant of tick 0');
  if (start !== undefined && startMs === undefined) refuse(checking, ['start'], `${start} is no time: ${TIME_REMEDY}`);
  if (startMs !== undefined && hasTopic && startMs % 1_000 !== 0) refuse(checking, ['start'], 'is not at a full second');
}

function refusal(path: string, mistakes: readonly Mistake[], { lineOf }: PlacedJson, place: (path: Path) => string): ConfigError {
  const told = new Map(mistakes.map((mistake) => [`${place(mistake.path)}: ${mistake.message}`, lineOf(mistake.path)]));
  const lines = [...told].sort(([, a], [, b]) => a - b).map(([text]) => `\n  ${text.replaceAll('\n', '\n    ')}`);
  return new ConfigError(
    `the scenario ${path} has ${lines.length === 1 ? 'a mistake' : `${lines.length} mistakes`}:${lines.join('')}`,
    REMEDY,
  );
}

function fingerprintOf(value: unknown): string {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const deciding = entries.filter(([key]) => !NOT_IN_FINGERPRINT.has(key));
  return createHash('sha256').update(JSON.stringify(deciding)).digest('hex').slice(0, 16);
}
