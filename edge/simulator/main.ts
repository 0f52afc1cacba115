/**
 * `fogline simulate`: runs a scenario, once, and ends. The default one replays households into the topic; then the exit code is 1 when a
 * household had to be parked.
 */
import { join, resolve } from 'node:path';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { type LoadedConfig, processEnvironment, processVariables } from '../../common/config.ts';
import { EXIT, stoppedExitCode } from '../../common/errors.ts';
import { makeFolder } from '../../common/folders.ts';
import { openLogger } from '../../common/logger.ts';
import { randomId, seededRandom, seedOf } from '../../common/random.ts';
import { refuseUnfinishedRestore } from '../../common/unfinished-restore.ts';
import { MS_PER_HOUR, MS_PER_SECOND } from '../../common/units.ts';
import type { Progress } from './cosim/progress.ts';
import type { RunSummary } from './cosim/run-options.ts';
import { CollectedFiles } from './collected-files.ts';
import { refuseForeignRecords } from './foreign-records.ts';
import { IdentityFile, parkedOf } from './identity.ts';
import { BadRowError } from './models/household-stream.ts';
import { timeNotices } from './models/time-notices.ts';
import { TopicWriter } from './models/topic-writer.ts';
import { Quarantine } from './quarantine.ts';
import { ENDLESS_TICKS, jsonReporter, textReporter, TIME_HINT, withoutCatchingUp } from './report.ts';
import { runAlone, type Surroundings } from './run-alone.ts';
import { type Plan, planRun, refuseReplaySettings, refuseTopicless, reported, rtFactorOf } from './run-plan.ts';
import { type CheckedScenario, loadScenario } from './scenario/scenario-check.ts';
import { DEFAULT_SCENARIO, runScenario } from './scenario.ts';

export interface SimulateOptions extends CommandOptions {
  /** Where each setting came from: a speed that the operator chose is stronger than that of the scenario. */
  origins: LoadedConfig['origins'];
}

export async function main(options: SimulateOptions): Promise<number> {
  const { config, signal } = options;
  const { scenario_file, collect_file, until_seconds } = config.simulation;
  const checks = { hasCollectFile: collect_file !== '', hasUntil: until_seconds !== null };
  const scenario = loadScenario(scenario_file === '' ? DEFAULT_SCENARIO : scenario_file, checks);
  refuseReplaySettings(config, scenario);
  const { logLevel, childOfRun } = processEnvironment();
  if (childOfRun) refuseTopicless(scenario);
  const logger = openLogger('simulate', logLevel);
  const collected = new CollectedFiles();
  const surroundings: Surroundings = {
    rtFactor: rtFactorOf(config, options.origins, scenario),
    collectFile: collect_file === '' ? undefined : resolve(collect_file),
    collectInto: collected.output,
    logger,
    environment: processVariables(),
    signal,
    watch: { recordFile: config.simulation.record_file, statusPort: config.simulation.status_port },
  };
  try {
    if (scenario.hasTopic) return await runIntoTopic(options, scenario, surroundings, collected);
    return await runAlone(options, scenario, surroundings);
  } finally {
    collected.end();
  }
}

async function runIntoTopic(
  options: SimulateOptions,
  scenario: CheckedScenario,
  surroundings: Surroundings,
  collected: CollectedFiles,
): Promise<number> {
  const { config, stateDir, json, signal } = options;
  const { logger } = surroundings;
  const stateFolder = join(stateDir, 'simulator');
  refuseUnfinishedRestore(stateDir);
  makeFolder(stateFolder);
  const identityFile = new IdentityFile(stateFolder);
  const plan = await planRun(config, scenario, stateDir, (its) => identityFile.establish(its));
  collected.belongTo(plan.run, stateFolder);
  for (const parked of parkedOf(plan.identity)) logger.error(parked, 'household is parked; the others go on');
  const quarantine = new Quarantine(stateFolder, logger);
  quarantine.open();
  const broker = openBroker(config, stateDir, systemClock, logger);
  const writer = new TopicWriter({
    broker,
    topic: { partitions: config.broker.partitions, retentionMs: config.broker.retention_hours * MS_PER_HOUR },
    stateFolder,
    run: plan.run,
    t0Ms: plan.identity.t0Ms,
    markTicks: config.simulation.mark_seconds,
    passTicks: plan.range.passMs === undefined ? undefined : plan.range.passMs / MS_PER_SECOND,
    bufferRecordsMax: config.simulation.buffer_records,
    clock: systemClock,
    random: seededRandom(seedOf(randomId())),
    logger,
    signal,
  });
  const its = reported(plan, { published: () => writer.published, quarantined: () => quarantine.count });
  const reporter = json ? jsonReporter(its) : textReporter(its);
  try {
    for (const notice of timeNotices(plan.folder.files)) reporter.notice(notice, TIME_HINT);
    await writer.open();
    if (identityFile.isNew) await refuseForeignRecords(broker, config);
    identityFile.keep(plan.identity);
    if (writer.hasEnded || firstPassOf(plan, writer) > 0) quarantine.takeCount(plan.run);
    reporter.ready();
    const progress = (now: Progress) => {
      quarantine.flush();
      reporter.progress(now);
    };
    const watched = { ...surroundings, watch: { ...surroundings.watch, onKeptAside: reporter.keptAside } };
    const summary = writer.hasEnded ? 'before' : await replay(options, plan, writer, quarantine, identityFile, watched, progress);
    if (summary === 'stopped') {
      reporter.stopped();
      return stoppedExitCode(signal.reason, plan.untilSeconds !== ENDLESS_TICKS);
    }
    reporter.finished(summary === 'before' || config.simulation.scenario_file !== '' ? summary : undefined);
  } finally {
    reporter.close();
    quarantine.flush();
    await writer.stop();
  }
  return Object.keys(plan.identity.parked).length > 0 ? EXIT.failed : EXIT.ok;
}

/** The pass of a loop in which the run goes on: those before it are published. */
function firstPassOf({ range }: Plan, writer: TopicWriter): number {
  return range.passMs === undefined ? 0 : Math.floor((writer.resumeTick * MS_PER_SECOND) / range.passMs);
}

/** Runs the scenario and puts the end marks. */
async function replay(
  { config, signal }: CommandOptions,
  plan: Plan,
  writer: TopicWriter,
  quarantine: Quarantine,
  identityFile: IdentityFile,
  surroundings: Surroundings,
  progress: (progress: Progress) => void,
): Promise<RunSummary | 'stopped'> {
  const { scenario, folder, identity, range, untilSeconds, run } = plan;
  const { logger } = surroundings;
  const startTick = Math.floor((range.startMs - range.t0Ms) / MS_PER_SECOND);
  const pacedFromTick = Math.max(writer.pacedFromTick, startTick);
  const paced = withoutCatchingUp(pacedFromTick);
  const summary = await runScenario({
    ...surroundings,
    scenario,
    files: folder.files.filter(({ household }) => !(household in identity.parked)),
    household: {
      range,
      households: folder.files.length,
      firstPass: firstPassOf(plan, writer),
      publishedSeq: (household, src) => writer.publishedSeq(household, src),
      onRejected: (path, row) => {
        if (config.simulation.on_bad_row === 'fail') throw new BadRowError(path, row);
        quarantine.add(path, row);
      },
      onOpenEnd: (household, end) => identityFile.noteOpenEnd(identity, household, end),
      onParked: (household, reason) => {
        logger.error({ household, reason }, 'household parked: its file can not be read on; the others go on');
        identityFile.park(identity, household, reason);
      },
    },
    writer,
    untilTick: Math.ceil(untilSeconds),
    pacedFromTick,
    traceHash: config.simulation.scenario_file !== '',
    clock: systemClock,
    progress: (its) => progress(paced(its)),
  });
  if (!summary.completed || signal.aborted) return 'stopped';
  if (summary.laggingSteps > 0)
    logger.info({ laggingSteps: summary.laggingSteps, lagMsMax: Math.round(summary.lagMsMax) }, 'the replay was slower than asked for');
  quarantine.keepCount(run);
  await writer.end(range.endMs, new Set(Object.keys(identity.parked)));
  return signal.aborted ? 'stopped' : summary;
}
