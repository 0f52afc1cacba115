/** `fogline plan`: checks a scenario file as a run would, and says what the run will be. Nothing is started, made or written. */
import type { PlanEvent } from '../../common/child-events.ts';
import type { CommandOptions } from '../../common/command.ts';
import type { LoadedConfig } from '../../common/config.ts';
import { EXIT } from '../../common/errors.ts';
import { isoTime } from '../../common/iso-time.ts';
import { refuseReplaySettings, refuseTopicless, rtFactorOf } from './run-plan.ts';
import { TOPIC } from './scenario/offered-models.ts';
import { loadScenario } from './scenario/scenario-check.ts';
import { DEFAULT_SCENARIO } from './scenario.ts';

export async function main({ config, origins }: CommandOptions & { origins: LoadedConfig['origins'] }): Promise<number> {
  const { scenario_file, collect_file, until_seconds } = config.simulation;
  const path = scenario_file === '' ? DEFAULT_SCENARIO : scenario_file;
  const scenario = loadScenario(path, { hasCollectFile: collect_file !== '', hasUntil: until_seconds !== null });
  refuseReplaySettings(config, scenario);
  refuseTopicless(scenario);
  const { file, isReplay, startMs, sets } = scenario;
  const rtFactor = rtFactorOf(config, origins, scenario);
  const plan: PlanEvent = {
    event: 'plan',
    file: path,
    title: file.title ?? '',
    isReplay,
    entities: sets.reduce((sum, { simulator, count = 0 }) => (simulator.entry.model === TOPIC ? sum : sum + count), 0),
    t0: startMs === undefined ? '' : isoTime(startMs),
    untilSeconds: until_seconds ?? file.until ?? null,
    speed: rtFactor === 0 ? null : 1 / rtFactor,
  };
  process.stdout.write(`${JSON.stringify(plan)}\n`);
  return EXIT.ok;
}
