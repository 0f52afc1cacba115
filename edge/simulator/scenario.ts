/** The default scenario: every household file is an entity of `household`, all wired to the topic writer. */
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import type { RunSummary } from './cosim/run.ts';
import { World } from './cosim/world.ts';
import type { Progress } from './cosim/progress.ts';
import { Collector } from './models/collector.ts';
import type { HouseholdFile } from './models/household-folder.ts';
import { HouseholdSimulator, type HouseholdSimulatorOptions } from './models/household.ts';
import type { TopicWriter } from './models/topic-writer.ts';

export interface ScenarioOptions {
  files: readonly HouseholdFile[];
  household: HouseholdSimulatorOptions;
  writer: TopicWriter;
  /** Also write each household's power here, as CSV. */
  collect: ((text: string) => void) | undefined;
  untilTick: number;
  /** Real seconds per simulated second, 0 for as fast as possible. */
  rtFactor: number;
  pacedFromTick: number;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
  progress: (progress: Progress) => void;
}

export async function runScenario(options: ScenarioOptions): Promise<RunSummary> {
  const { files, household, writer, collect, untilTick, rtFactor, pacedFromTick, clock, logger, signal, progress } = options;
  const world = new World({ clock, warn: (message) => logger.warn({}, message) });
  const homes = await world.start('household', new HouseholdSimulator(household));
  const topic = await world.start('topic', writer);
  const [sink] = await topic.create(1, 'Topic');
  const collector = collect === undefined ? undefined : await world.start('collector', new Collector(collect));
  const [paper] = (await collector?.create(1, 'Collector')) ?? [];
  for (const { household: id, path, scan } of files) {
    const params = { file: path, household: id, firstLine: scan.readings?.firstLine };
    for (const home of await homes.create(1, 'Household', params)) {
      if (sink !== undefined) world.connect(home, sink, ['readings', 'skipped']);
      if (paper !== undefined) world.connect(home, paper, ['readings']);
    }
  }
  return world.run({ until: untilTick, rtFactor, pacedFromTick, signal, progress });
}
