/** `fogline simulate`: replays households into the topic, once, and ends; with exit code 1 when a household had to be parked. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { type Config, processEnvironment, speedFactor } from '../../common/config.ts';
import { ConfigError, EXIT, stoppedExitCode } from '../../common/errors.ts';
import { makeFolder } from '../../common/folders.ts';
import { isoTime } from '../../common/iso-time.ts';
import { openLogger } from '../../common/logger.ts';
import { randomId, seededRandom, seedOf } from '../../common/random.ts';
import { MS_PER_HOUR } from '../../common/units.ts';
import type { Progress } from './cosim/progress.ts';
import { refuseForeignRecords } from './foreign-records.ts';
import { IdentityFile, parkedOf, runIdOf } from './identity.ts';
import { earliestSecondMs, type HouseholdFolder, openHouseholdFolder } from './models/household-folder.ts';
import { BadRowError } from './models/household-stream.ts';
import { timeNotices } from './models/time-notices.ts';
import { TopicWriter } from './models/topic-writer.ts';
import { Quarantine } from './quarantine.ts';
import { ENDLESS_TICKS, jsonReporter, type Plan, textReporter, withoutCatchingUp } from './report.ts';
import { sampleFolder } from './sample-main.ts';
import { runScenario } from './scenario.ts';

const MS_PER_SECOND = 1_000;

export async function main(options: CommandOptions): Promise<number> {
  const { config, stateDir, json, signal } = options;
  const logger = openLogger('simulate', processEnvironment().logLevel);
  const stateFolder = join(stateDir, 'simulator');
  makeFolder(stateFolder);
  const identityFile = new IdentityFile(stateFolder);
  const plan = await planRun(config, stateDir, identityFile);
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
  const reporter = json ? jsonReporter(plan, writer, quarantine) : textReporter(plan, quarantine);
  try {
    for (const notice of timeNotices(plan.folder.files)) reporter.notice(notice);
    await writer.open();
    if (identityFile.isNew) await refuseForeignRecords(broker, config);
    identityFile.keep(plan.identity);
    if (writer.hasEnded || firstPassOf(plan, writer) > 0) quarantine.takeCount(plan.run);
    reporter.ready();
    const progress = (its: Progress) => {
      quarantine.flush();
      reporter.progress(its);
    };
    if (!writer.hasEnded && !(await replay(options, plan, writer, quarantine, identityFile, progress))) {
      reporter.stopped();
      return stoppedExitCode(signal.reason, plan.untilSeconds !== ENDLESS_TICKS);
    }
    reporter.finished();
  } finally {
    reporter.close();
    quarantine.flush();
    await writer.stop();
  }
  return Object.keys(plan.identity.parked).length > 0 ? EXIT.failed : EXIT.ok;
}

async function planRun(config: Config, stateDir: string, identityFile: IdentityFile): Promise<Plan> {
  const { data_dir, start_seconds, until_seconds, loop, seed } = config.simulation;
  const folder = await openHouseholdFolder(data_dir === '' ? sampleFolder(stateDir, seed) : data_dir);
  // Before the state is bound to it.
  if (!loop) refuseLateStart(folder, start_seconds);
  const identity = identityFile.establish({ folder, startSeconds: start_seconds, loop });
  const { t0Ms, passMs } = identity;
  const dataSeconds = Math.floor((folder.maxMs - t0Ms) / MS_PER_SECOND) + 1;
  const untilSeconds = until_seconds ?? (loop ? ENDLESS_TICKS : dataSeconds);
  const range = {
    t0Ms,
    startMs: t0Ms + start_seconds * MS_PER_SECOND,
    endMs: t0Ms + untilSeconds * MS_PER_SECOND,
    passMs: loop ? passMs : undefined,
  };
  return { folder, identity, range, untilSeconds, run: runIdOf(identity, folder, range.endMs) };
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

/** The pass of a loop in which the run goes on: those before it are published. */
function firstPassOf({ range }: Plan, writer: TopicWriter): number {
  return range.passMs === undefined ? 0 : Math.floor((writer.resumeTick * MS_PER_SECOND) / range.passMs);
}

/** Runs the scenario and puts the end marks. False when it was told to stop. */
async function replay(
  { config, signal }: CommandOptions,
  plan: Plan,
  writer: TopicWriter,
  quarantine: Quarantine,
  identityFile: IdentityFile,
  progress: (progress: Progress) => void,
): Promise<boolean> {
  const { folder, identity, range, untilSeconds, run } = plan;
  const logger = openLogger('simulate', processEnvironment().logLevel);
  const speed = speedFactor(config);
  const file = config.simulation.collect_file;
  const collected = file === '' ? undefined : createWriteStream(file);
  const startTick = Math.floor((range.startMs - range.t0Ms) / MS_PER_SECOND);
  const pacedFromTick = Math.max(writer.resumeTick, startTick);
  const paced = withoutCatchingUp(pacedFromTick);
  const summary = await runScenario({
    files: folder.files.filter(({ household }) => !(household in identity.parked)),
    household: {
      range,
      households: folder.files.length,
      firstPass: firstPassOf(plan, writer),
      onRejected: (path, row) => {
        if (config.simulation.on_bad_row === 'fail') throw new BadRowError(path, row);
        quarantine.add(path, row);
      },
      onOpenEnd: (household, end) => identityFile.noteOpenEnd(identity, household, end),
      onParked: (household, reason) => {
        logger.error({ household, reason }, 'household parked: its file can not be read on; the others go on');
        identityFile.park(identity, household, reason);
      },
      publishedSeq: (household, src) => writer.publishedSeq(household, src),
    },
    writer,
    collect: collected === undefined ? undefined : (text) => void collected.write(text),
    untilTick: Math.ceil(untilSeconds),
    rtFactor: speed === Number.POSITIVE_INFINITY ? 0 : 1 / speed,
    pacedFromTick,
    clock: systemClock,
    logger,
    signal,
    progress: (its) => progress(paced(its)),
  });
  collected?.end();
  if (!summary.completed || signal.aborted) return false;
  if (summary.laggingTicks > 0)
    logger.info({ seconds: summary.laggingTicks, lagMsMax: Math.round(summary.lagMsMax) }, 'the replay was slower than asked for');
  quarantine.keepCount(run);
  await writer.end(range.endMs, new Set(Object.keys(identity.parked)));
  return !signal.aborted;
}
