/** `fogline simulate`: replays households into the topic, once, and ends. */
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { openBroker } from '../../common/broker/open-broker.ts';
import { printEvent } from '../../common/child-events.ts';
import { systemClock } from '../../common/clock.ts';
import type { CommandOptions } from '../../common/command.ts';
import { type Config, processEnvironment, speedFactor } from '../../common/config.ts';
import { EXIT } from '../../common/errors.ts';
import { isoTime } from '../../common/iso-time.ts';
import { openLogger } from '../../common/logger.ts';
import { randomId, seededRandom, seedOf } from '../../common/random.ts';
import { MS_PER_HOUR } from '../../common/units.ts';
import type { Progress } from './cosim/progress.ts';
import { type Identity, IdentityFile, runIdOf } from './identity.ts';
import { type HouseholdFolder, openHouseholdFolder } from './models/household-folder.ts';
import { BadRowError, type RunRange } from './models/household-stream.ts';
import { TopicWriter } from './models/topic-writer.ts';
import { Quarantine } from './quarantine.ts';
import { sampleFolder } from './sample-main.ts';
import { runScenario } from './scenario.ts';

const MS_PER_SECOND = 1_000;
/** Ticks of a run that loops: it ends by a signal. */
const ENDLESS_TICKS = 2 ** 40;
const PROGRESS_LINE_EVERY = 10;

/** What a run is, before it begins. */
interface Plan {
  folder: HouseholdFolder;
  identity: Identity;
  range: RunRange;
  untilSeconds: number;
  run: string;
}

export async function main(options: CommandOptions): Promise<number> {
  const { config, stateDir, json, signal } = options;
  const logger = openLogger('simulate', processEnvironment().logLevel);
  const stateFolder = join(stateDir, 'simulator');
  mkdirSync(stateFolder, { recursive: true });
  const identityFile = new IdentityFile(stateFolder);
  const plan = await planRun(config, stateDir, identityFile);
  const quarantine = new Quarantine(stateFolder, logger);
  quarantine.open();
  const writer = new TopicWriter({
    broker: openBroker(config, stateDir, systemClock, logger),
    topic: { partitions: config.broker.partitions, retentionMs: config.broker.retention_hours * MS_PER_HOUR },
    stateFolder,
    run: plan.run,
    t0Ms: plan.identity.t0Ms,
    markTicks: config.simulation.mark_seconds,
    bufferRecordsMax: config.simulation.buffer_records,
    clock: systemClock,
    random: seededRandom(seedOf(randomId())),
    logger,
    signal,
  });
  const reporter = json ? jsonReporter(plan, writer, quarantine) : textReporter(plan);
  try {
    await writer.open();
    reporter.ready();
    if (!writer.hasEnded && !(await replay(options, plan, writer, quarantine, identityFile, reporter.progress))) return EXIT.ok;
    reporter.finished();
  } finally {
    reporter.close();
    quarantine.flush();
    await writer.stop();
  }
  return EXIT.ok;
}

async function planRun(config: Config, stateDir: string, identityFile: IdentityFile): Promise<Plan> {
  const { data_dir, start_seconds, until_seconds, loop, seed } = config.simulation;
  const folder = await openHouseholdFolder(data_dir === '' ? sampleFolder(stateDir, seed) : data_dir);
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

/** Runs the scenario and puts the end marks. False when it was told to stop. */
async function replay(
  { config, signal }: CommandOptions,
  { folder, identity, range, untilSeconds }: Plan,
  writer: TopicWriter,
  quarantine: Quarantine,
  identityFile: IdentityFile,
  progress: (progress: Progress) => void,
): Promise<boolean> {
  const logger = openLogger('simulate', processEnvironment().logLevel);
  const speed = speedFactor(config);
  const file = config.simulation.collect_file;
  const collected = file === '' ? undefined : createWriteStream(file);
  const startTick = Math.floor((range.startMs - range.t0Ms) / MS_PER_SECOND);
  const summary = await runScenario({
    files: folder.files.filter(({ scan }) => scan.readings !== undefined),
    household: {
      range,
      households: folder.files.length,
      firstPass: range.passMs === undefined ? 0 : Math.floor((writer.resumeTick * MS_PER_SECOND) / range.passMs),
      onRejected: (path, row) => {
        if (config.simulation.on_bad_row === 'fail') throw new BadRowError(path, row);
        quarantine.add(path, row);
      },
      onParked: (household, reason) => {
        logger.error({ household, reason }, 'household parked: its file can not be read on; the others go on');
        identityFile.park(identity, household, reason);
      },
    },
    writer,
    collect: collected === undefined ? undefined : (text) => void collected.write(text),
    untilTick: Math.ceil(untilSeconds),
    rtFactor: speed === Number.POSITIVE_INFINITY ? 0 : 1 / speed,
    pacedFromTick: Math.max(writer.resumeTick, startTick),
    clock: systemClock,
    logger,
    signal,
    progress,
  });
  collected?.end();
  if (!summary.completed || signal.aborted) return false;
  if (summary.laggingTicks > 0)
    logger.info({ seconds: summary.laggingTicks, lagMsMax: Math.round(summary.lagMsMax) }, 'the replay was slower than asked for');
  await writer.end(range.endMs, new Set(Object.keys(identity.parked)));
  return !signal.aborted;
}

interface Reporter {
  ready(): void;
  progress: (progress: Progress) => void;
  finished(): void;
  close(): void;
}

function jsonReporter({ folder, identity, untilSeconds, run }: Plan, writer: TopicWriter, quarantine: Quarantine): Reporter {
  return {
    ready: () =>
      printEvent({
        event: 'ready',
        part: 'simulate',
        run,
        households: folder.files.length,
        dataLabel: folder.isSynthetic ? 'synthetic' : '',
        t0: isoTime(identity.t0Ms),
        startSeconds: identity.startSeconds,
        untilSeconds,
      }),
    progress: ({ tick, ticksPerSecond, etaSeconds }) =>
      printEvent({
        event: 'progress',
        part: 'simulate',
        simulatedSeconds: tick,
        untilSeconds,
        speed: Math.round(ticksPerSecond * 10) / 10,
        etaSeconds: Math.round(Math.min(etaSeconds, ENDLESS_TICKS)),
        published: writer.published,
        quarantined: quarantine.count,
      }),
    finished: () => {
      const parked = Object.entries(identity.parked).map(([household, reason]) => ({ household, reason }));
      printEvent({ event: 'finished', part: 'simulate', run, published: writer.published, quarantined: quarantine.count, parked });
    },
    close: () => undefined,
  };
}

/** A bar on a terminal, plain lines elsewhere. */
function textReporter({ folder, identity, untilSeconds }: Plan): Reporter {
  const title = `${folder.files.length} ${folder.isSynthetic ? 'synthetic ' : ''}households from ${isoTime(identity.t0Ms)}, ${untilSeconds} s`;
  const isTerminal = process.stdout.isTTY === true;
  const format = '{bar} {percentage}% | simulated {value} of {total} s | {speed} x | {remaining} s left';
  const bar = new cliProgress.SingleBar({ format, hideCursor: true }, cliProgress.Presets.shades_classic);
  let reports = 0;
  return {
    ready: () => {
      process.stdout.write(`replaying ${title}\n`);
      if (isTerminal) bar.start(untilSeconds, 0, { speed: '-', remaining: '-' });
    },
    progress: ({ tick, ticksPerSecond, etaSeconds }) => {
      const [speed, remaining] = [Math.round(ticksPerSecond), Number.isFinite(etaSeconds) ? Math.round(etaSeconds) : '-'];
      if (isTerminal) bar.update(tick, { speed, remaining });
      else if (reports++ % PROGRESS_LINE_EVERY === 0) {
        process.stdout.write(`simulated ${tick} of ${untilSeconds} s at ${speed} x, ${remaining} s left\n`);
      }
    },
    finished: () => {
      if (isTerminal) bar.update(untilSeconds);
      bar.stop();
      process.stdout.write('replay finished: everything is in the topic\n');
    },
    close: () => bar.stop(),
  };
}
