/** What a run with a topic is, before it begins: from the scenario, the settings and what the state remembers. */
import { MS_PER_SECOND } from '../../common/units.ts';
import { FOGLINE } from '../../common/installation.ts';
import { type Config, type LoadedConfig, speedFactor } from '../../common/config.ts';
import { plural } from '../../common/count-text.ts';
import { ConfigError } from '../../common/errors.ts';
import { isoTime } from '../../common/iso-time.ts';
import { type Identity, type IdentityOptions, parkedOf, runIdOf } from './identity.ts';
import { earliestSecondMs, type HouseholdFolder, openHouseholdFolder } from './models/household-folder.ts';
import type { RunRange } from './models/household-stream.ts';
import { ENDLESS_TICKS, type ReportedRun } from './report.ts';
import { sampleFolder } from './sample-main.ts';
import { setName } from './scenario/connection-check.ts';
import { TOPIC } from './scenario/offered-models.ts';
import type { CheckedScenario } from './scenario/scenario-check.ts';

export interface Plan {
  scenario: CheckedScenario;
  /** Without files in a scenario that replays none. */
  folder: HouseholdFolder;
  identity: Identity;
  range: RunRange;
  untilSeconds: number;
  run: string;
}

/** @param establish the identity of the state, or of a run that keeps none */
export async function planRun(
  config: Config,
  scenario: CheckedScenario,
  stateDir: string,
  establish: (its: IdentityOptions) => Identity,
): Promise<Plan> {
  const { start_seconds, until_seconds, loop, scenario_file } = config.simulation;
  const folder = await folderOf(config, scenario, stateDir);
  // Before the state is bound to it.
  if (scenario.isReplay && !loop) refuseLateStart(folder, start_seconds);
  const its = scenario_file === '' ? {} : { scenario: scenario.fingerprint };
  const identity = establish({ folder, startSeconds: start_seconds, loop, ...its });
  const { t0Ms, passMs } = identity;
  const dataSeconds = Math.floor((folder.maxMs - t0Ms) / MS_PER_SECOND) + 1;
  const untilSeconds = until_seconds ?? scenario.file.until ?? (loop ? ENDLESS_TICKS : dataSeconds);
  const range = {
    t0Ms,
    startMs: t0Ms + start_seconds * MS_PER_SECOND,
    endMs: t0Ms + untilSeconds * MS_PER_SECOND,
    passMs: loop ? passMs : undefined,
  };
  return { scenario, folder, identity, range, untilSeconds, run: runIdOf(identity, folder, range.endMs) };
}

/** Without a loop there is nothing left to replay then. */
function refuseLateStart(folder: HouseholdFolder, startSeconds: number): void {
  const t0Ms = earliestSecondMs(folder);
  if (t0Ms + startSeconds * MS_PER_SECOND <= folder.maxMs) return;
  const end = `${(folder.maxMs - t0Ms) / MS_PER_SECOND} s after the earliest reading, at ${isoTime(folder.maxMs)}`;
  throw new ConfigError(
    `simulation.start_seconds = ${startSeconds} (--start) is after the data: the last reading is ${end}`,
    'begin before that with --start SECONDS',
  );
}

/** @throws ConfigError for what only means something where files are replayed */
export function refuseReplaySettings({ simulation }: Config, { path, isReplay }: CheckedScenario): void {
  if (isReplay) return;
  const { start_seconds, loop, data_dir } = simulation;
  const given = [start_seconds === 0 ? [] : ['start'], loop ? ['loop'] : [], data_dir === '' ? [] : ['data']].flat();
  if (given.length === 0) return;
  const options = given.map((name) => `--${name}`).join(', ');
  throw new ConfigError(`the scenario ${path} replays no household files, so ${options} means nothing`, 'leave it out, also in config.ini');
}

/** @throws ConfigError for a scenario that puts nothing into the topic: edge and cloud would wait for ever */
export function refuseTopicless(scenario: CheckedScenario): void {
  const { path, hasTopic, isReplay } = scenario;
  if (feedersOf(scenario).size > 0) return;
  const what = hasTopic ? 'connects nothing to its topic' : 'has no simulator topic';
  const missing = hasTopic ? '' : ` a simulator {"model": "topic"}${isReplay ? '' : ', a "start",'} and`;
  throw new ConfigError(
    `the scenario ${path} ${what}, so nothing would ever reach edge and cloud`,
    `run it alone: ${FOGLINE} simulate --scenario ${path}. ` +
      `For its readings to arrive, give it${missing} a connection that brings the topic` +
      ' "readings", as street.scenario.jsonc does',
  );
}

/** Real seconds per simulated second. What the operator has chosen is stronger than the file, the file stronger than the default. */
export function rtFactorOf(config: Config, origins: LoadedConfig['origins'], { file }: CheckedScenario): number {
  const chosen = origins.get('simulation.speed');
  if (chosen === undefined || chosen.origin === 'default') {
    if (file.rtFactor !== undefined) return file.rtFactor;
    if (file.speed !== undefined) return file.speed === 'max' ? 0 : 1 / file.speed;
  }
  const speed = speedFactor(config);
  return speed === Number.POSITIVE_INFINITY ? 0 : 1 / speed;
}

export function reported(plan: Plan, counts: Pick<ReportedRun, 'published' | 'quarantined'>): ReportedRun {
  const { scenario, folder, identity, untilSeconds, run } = plan;
  const { isReplay } = scenario;
  const dataLabel = !isReplay ? 'simulated' : folder.isSynthetic ? 'synthetic' : '';
  const households = isReplay ? folder.files.length : householdsIn(scenario);
  const t0 = isoTime(identity.t0Ms);
  return {
    run,
    title: `${isReplay ? 'replaying' : 'simulating'} ${countedText(households, dataLabel)} from ${t0}`,
    done: `${isReplay ? 'replay' : 'simulation'} finished: everything is in the topic`,
    again: 'goes on where it was',
    rejected: `quarantined: ${FOGLINE} quarantine list`,
    households,
    dataLabel,
    t0,
    startSeconds: identity.startSeconds,
    untilSeconds,
    secondsPerTick: 1,
    parked: () => parkedOf(identity),
    ...counts,
  };
}

async function folderOf({ simulation }: Config, { isReplay, startMs }: CheckedScenario, stateDir: string): Promise<HouseholdFolder> {
  const { data_dir, seed } = simulation;
  if (isReplay) return openHouseholdFolder(data_dir === '' ? sampleFolder(stateDir, seed) : data_dir);
  if (startMs === undefined) throw new Error('a scenario with a topic was checked to have a start');
  return { dir: '', files: [], minMs: startMs, maxMs: startMs, isSynthetic: false };
}

/** Entities whose readings go into the topic. */
function householdsIn(scenario: CheckedScenario): number {
  const feeders = feedersOf(scenario);
  return scenario.sets.reduce((sum, { name, count = 0 }) => sum + (feeders.has(name) ? count : 0), 0);
}

/** Entity sets that are connected to the topic. */
function feedersOf({ file, sets }: CheckedScenario): Set<string> {
  const topics = new Set(sets.filter(({ simulator }) => simulator.entry.model === TOPIC).map(({ name }) => name));
  const connections = (file.connections ?? []).filter(({ to }) => topics.has(setName(to)));
  return new Set(connections.map(({ from }) => setName(from)));
}

function countedText(households: number, dataLabel: string): string {
  return plural(households, dataLabel === 'synthetic' ? 'synthetic household' : 'household');
}
