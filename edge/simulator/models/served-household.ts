/**
 * The simulator `household` for a scenario that knows no file of ours: it gets a folder when it is started, and each entity a household
 * of it. Simulated time 0 is the earliest reading of the folder; all of it is replayed, once. A row that is no reading is told and
 * left out.
 *
 * Parameters of init: `folder`. Of create: `household`, by default the next one of the folder.
 */
import type { Logger } from '../../../common/logger.ts';
import { CosimError } from '../cosim/errors.ts';
import type { CreatedEntity, OutputRequest, Outputs, Params, Simulator, SimulatorMeta } from '../cosim/simulator.ts';
import { HouseholdSimulator } from './household.ts';
import { earliestSecondMs, type HouseholdFile, openHouseholdFolder } from './household-folder.ts';

export interface ServedHouseholdOptions {
  /** Folder when the scenario names none; undefined for none. */
  folder: string | undefined;
  logger: Logger;
}

export class ServedHousehold implements Simulator {
  private readonly options: ServedHouseholdOptions;
  private replay: HouseholdSimulator | undefined;
  private files: readonly HouseholdFile[] = [];
  private readonly created = new Set<string>();

  constructor(options: ServedHouseholdOptions) {
    this.options = options;
  }

  async init(sid: string, timeResolution: number, params: Params): Promise<SimulatorMeta> {
    const { logger } = this.options;
    const { folder = this.options.folder, ...others } = params;
    const unknown = Object.keys(others)[0];
    if (unknown !== undefined) throw refused(`${sid}: household has no parameter ${unknown}; it has folder`);
    if (timeResolution !== 1) throw refused(`${sid}: household steps in seconds; a tick is ${timeResolution} s here`);
    if (typeof folder !== 'string') throw refused(`${sid}: no folder of household files`, 'name one with the parameter folder');
    const opened = await openHouseholdFolder(folder);
    this.files = opened.files;
    const t0Ms = earliestSecondMs(opened);
    this.replay = new HouseholdSimulator({
      range: { t0Ms, startMs: t0Ms, endMs: Number.POSITIVE_INFINITY, passMs: undefined },
      households: opened.files.length,
      firstPass: 0,
      onRejected: (path, { line, reason }) => logger.warn({ path, line, reason }, 'a row is no reading and is left out'),
      onOpenEnd: () => undefined,
      onParked: (household, reason) => logger.error({ household, reason }, 'household parked: its file can not be read on'),
    });
    const meta = this.replay.init();
    const { Household: model } = meta.models;
    return model === undefined ? meta : { ...meta, models: { Household: { ...model, params: ['household'] } } };
  }

  create(num: number, model: string, params: Params): CreatedEntity[] {
    return Array.from({ length: num }, () => {
      const file = this.fileOf(params['household']);
      this.created.add(file.household);
      const [entity] = this.started.create(1, model, {
        file: file.path,
        household: file.household,
        firstLine: file.scan.readings?.firstLine,
      });
      return entity as CreatedEntity;
    });
  }

  setupDone(): void {
    this.started.setupDone();
  }

  step(time: number): number | null {
    return this.started.step(time);
  }

  getData(wanted: OutputRequest): Outputs {
    return this.started.getData(wanted);
  }

  private get started(): HouseholdSimulator {
    if (this.replay === undefined) throw refused('household was used before init');
    return this.replay;
  }

  private fileOf(household: unknown): HouseholdFile {
    const isFree = (file: HouseholdFile) => !this.created.has(file.household);
    const file = this.files.find((its) => isFree(its) && (household === undefined || its.household === household));
    if (file !== undefined) return file;
    const known = this.files.filter(isFree).map((its) => its.household);
    const left = known.length === 0 ? 'none is left' : `left are ${known.join(', ')}`;
    throw refused(
      household === undefined ? `no household for one more entity; ${left}` : `no household ${JSON.stringify(household)}; ${left}`,
    );
  }
}

function refused(message: string, hint = 'correct the scenario'): CosimError {
  return new CosimError('CREATE_REFUSED', message, hint);
}
