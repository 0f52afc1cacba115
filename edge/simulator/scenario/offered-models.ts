/**
 * The simulators of this program that a scenario file may name. A probe answers init and create as the simulator of the run would, and
 * does nothing else: so a file is checked completely before anything starts.
 */
import { CosimError } from '../cosim/errors.ts';
import type { CreatedEntity, Params, Requests, Simulator, SimulatorMeta } from '../cosim/simulator.ts';
import { ASSET_SIMULATORS } from '../models/assets/registry.ts';
import { COLLECTOR_META } from '../models/collector.ts';
import { HOUSEHOLD_META } from '../models/household.ts';
import { TOPIC_META } from '../models/topic-writer.ts';

export interface OfferedModel {
  /** Keys of the file that it takes, with the parameters they become unless its own say otherwise. */
  takes: Readonly<Partial<Record<'start' | 'seed' | 'stepSeconds', string>>>;
  /** It lives in event time, where a tick is a second, and the program has one of it. */
  isOfProduct: boolean;
  probe(): Pick<Simulator, 'init' | 'create'>;
}

/** The simulator of household files, the one that writes the topic, the one that writes a CSV file. */
export const REPLAY = 'household';
export const TOPIC = 'topic';
export const COLLECTOR = 'collector';

const ofProduct = (meta: SimulatorMeta): OfferedModel => ({ takes: {}, isOfProduct: true, probe: () => new Probe(meta, []) });

export const OFFERED_MODELS: ReadonlyMap<string, OfferedModel> = new Map<string, OfferedModel>([
  [REPLAY, ofProduct(HOUSEHOLD_META)],
  [TOPIC, ofProduct(TOPIC_META)],
  [COLLECTOR, { takes: {}, isOfProduct: false, probe: () => new Probe(COLLECTOR_META, ['file']) }],
  ...Object.entries(ASSET_SIMULATORS).map(([name, make]): [string, OfferedModel] => [
    name,
    { takes: { start: 'start', seed: 'seed', stepSeconds: 'step_seconds' }, isOfProduct: false, probe: make },
  ]),
]);

class Probe implements Pick<Simulator, 'init' | 'create'> {
  private readonly meta: SimulatorMeta;
  private readonly known: readonly string[];

  constructor(meta: SimulatorMeta, known: readonly string[]) {
    this.meta = meta;
    this.known = known;
  }

  init(sid: string, _timeResolution: number, params: Params): SimulatorMeta {
    const unknown = Object.keys(params).find((name) => !this.known.includes(name));
    if (unknown === undefined) return this.meta;
    const all = this.known.length === 0 ? 'it has none' : `it has ${this.known.join(', ')}`;
    throw new CosimError('CREATE_REFUSED', `${sid} has no parameter ${unknown}; ${all}`, 'correct the parameters in the scenario');
  }

  create(num: number, model: string): CreatedEntity[] {
    return Array.from({ length: num }, (_, i) => ({ eid: `${model}-${i}`, type: model }));
  }
}

/** For simulators that are only looked at: they have nobody to ask. */
export const NOBODY_TO_ASK: Requests = {
  progress: () => 0,
  relatedGraph: () => ({ nodes: {}, edges: [] }),
  relatedTo: () => ({}),
  getData: () => ({}),
  setData: () => undefined,
  setEvent: () => undefined,
};
