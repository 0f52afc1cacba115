/** What simulators say about themselves and their entities: our words to mosaik's and back. Pure. */
import { CosimError } from '../cosim/errors.ts';
import type { CreatedEntity, ModelMeta, SimulatorMeta, SimulatorType } from '../cosim/simulator.ts';

/** What a version of mosaik's API lets a simulator understand. */
export interface ApiRules {
  setupDone: boolean;
  maxAdvance: boolean;
}

export interface RemoteMeta {
  meta: SimulatorMeta;
  rules: ApiRules;
}

type Json = Readonly<Record<string, unknown>>;

const API_VERSION = '3.0';

/**
 * @param told what the simulator answered to init
 * @param expected the version that the scenario says; undefined when it says none
 * @throws CosimError META_INVALID
 */
export function metaOf(sid: string, told: unknown, expected?: string): RemoteMeta {
  if (!isObject(told)) throw invalid(sid, `init answered ${JSON.stringify(told) ?? 'nothing'}, not a meta`);
  const version = versionOf(sid, told['api_version']);
  if (expected !== undefined && compareVersions(version, versionOf(sid, expected)) !== 0)
    throw invalid(sid, `it speaks version ${version.join('.')} of the API, the scenario says ${expected}`);
  if (compareVersions(version, [4]) >= 0) throw invalid(sid, `it speaks version ${version.join('.')} of the API; 1 to 3 are understood`);
  const isOld = compareVersions(version, [3]) < 0;
  const { type = isOld ? 'time-based' : undefined, models, extra_methods: extra = [] } = told;
  if (typeof type !== 'string') throw invalid(sid, 'its meta has no type, which version 3 of the API wants');
  if (!isObject(models)) throw invalid(sid, 'its meta has no models');
  const modelEntries = Object.entries(models).map(([name, model]) => [name, modelOf(`${sid}.${name}`, model)] as const);
  return {
    meta: {
      type: type as SimulatorType,
      models: Object.fromEntries(modelEntries),
      extraMethods: namesOf(sid, 'extra_methods', extra) ?? [],
    },
    rules: { setupDone: compareVersions(version, [2, 2]) >= 0, maxAdvance: !isOld },
  };
}

/** As a mosaik of version 3 wants it. */
export function toldMeta({ type, models, extraMethods = [] }: SimulatorMeta): Json {
  const told = Object.entries(models).map(([name, model]) => [name, toldModel(model)] as const);
  return { api_version: API_VERSION, type, models: Object.fromEntries(told), extra_methods: extraMethods };
}

/** @throws CosimError ANSWER_INVALID. How many and of which type they are is not looked at. */
export function entitiesFrom(sid: string, told: unknown): CreatedEntity[] {
  if (!Array.isArray(told)) throw unfit(sid, 'is not a list');
  return told.map((entity: unknown) => {
    if (!isObject(entity)) throw unfit(sid, 'has an entity that is no object');
    const { eid, type, rel, children, extra_info: extraInfo } = entity;
    return {
      eid: typeof eid === 'number' ? String(eid) : (eid as string),
      type: type as string,
      ...(Array.isArray(rel) ? { rel: rel.map(String) } : {}),
      ...(Array.isArray(children) ? { children: entitiesFrom(sid, children) } : {}),
      ...(extraInfo === undefined ? {} : { extraInfo }),
    };
  });
}

export function toldEntity({ eid, type, rel, children, extraInfo }: CreatedEntity): Json {
  return { eid, type, rel, children: children?.map(toldEntity), extra_info: extraInfo };
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function modelOf(place: string, model: unknown): ModelMeta {
  if (!isObject(model)) throw invalid(place, 'its description is no object');
  const lists = {
    trigger: namesOf(place, 'trigger', model['trigger']),
    nonTrigger: namesOf(place, 'non-trigger', model['non-trigger']),
    persistent: namesOf(place, 'persistent', model['persistent']),
    nonPersistent: namesOf(place, 'non-persistent', model['non-persistent']),
  };
  return {
    public: model['public'] !== false,
    params: namesOf(place, 'params', model['params']) ?? [],
    attrs: namesOf(place, 'attrs', model['attrs']) ?? [],
    anyInputs: model['any_inputs'] === true,
    ...Object.fromEntries(Object.entries(lists).filter(([, names]) => names !== undefined)),
  };
}

function toldModel(model: ModelMeta): Json {
  return {
    public: model.public !== false,
    params: model.params,
    attrs: model.attrs,
    any_inputs: model.anyInputs === true,
    trigger: model.trigger,
    'non-trigger': model.nonTrigger,
    persistent: model.persistent,
    'non-persistent': model.nonPersistent,
  };
}

/** Undefined when there is no list. */
function namesOf(place: string, key: string, names: unknown): string[] | undefined {
  if (names === undefined || names === null) return undefined;
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string')) throw invalid(place, `its ${key} is no list of names`);
  return names as string[];
}

/** Simulators from before versions were told speak 1. */
function versionOf(sid: string, told: unknown = '1'): number[] {
  const text = typeof told === 'string' ? told : JSON.stringify(told);
  const version = text.split('.').map(Number);
  if (version.some((part) => !Number.isSafeInteger(part) || part < 0)) throw invalid(sid, `api_version ${text} is no version`);
  return version;
}

/** 3 and 3.0 are the same. */
function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length || i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function invalid(place: string, reason: string): CosimError {
  return new CosimError('META_INVALID', `${place}: ${reason}`, 'correct the meta that the simulator answers to init');
}

function unfit(sid: string, reason: string): CosimError {
  return new CosimError('ANSWER_INVALID', `${sid}: what create answered ${reason}`, 'correct what the simulator answers to create');
}
