/** Which inputs of a model trigger a step, and which outputs stay until replaced. Pure. */
import { CosimError } from './errors.ts';
import type { ModelMeta, SimulatorMeta, SimulatorType } from './simulator.ts';

export interface ModelRules {
  readonly meta: ModelMeta;
  /** Undefined when the model has no such input. */
  inputOf(attr: string): 'trigger' | 'non-trigger' | undefined;
  /** Undefined when the model has no such output. */
  outputOf(attr: string): 'persistent' | 'non-persistent' | undefined;
}

/** Names of calls can't be names of models, nor of extra methods. */
const RESERVED_NAMES: readonly string[] = ['init', 'create', 'setup_done', 'step', 'get_data', 'finalize', 'stop'];

/** @throws CosimError META_INVALID */
export function rulesOf(sid: string, meta: SimulatorMeta): ReadonlyMap<string, ModelRules> {
  const rules = new Map<string, ModelRules>();
  if (typeof meta !== 'object' || meta === null || typeof meta.models !== 'object' || meta.models === null)
    throw invalid(sid, 'init must answer a meta with type and models');
  if (!['time-based', 'event-based', 'hybrid'].includes(meta.type))
    throw invalid(sid, `type ${String(meta.type)} is not time-based, event-based or hybrid`);
  for (const [name, model] of Object.entries(meta.models)) {
    if (RESERVED_NAMES.includes(name)) throw invalid(sid, `${name} can't be the name of a model`);
    for (const list of ['params', 'attrs'] as const)
      if (!Array.isArray(model[list])) throw invalid(`${sid}.${name}`, `${list} must be a list, also an empty one`);
    rules.set(name, rulesOfModel(sid, meta.type, name, model));
  }
  return rules;
}

/** @throws CosimError META_INVALID */
export function extraMethodsOf(sid: string, { extraMethods = [] }: SimulatorMeta): readonly string[] {
  const reserved = extraMethods.find((method) => RESERVED_NAMES.includes(method));
  if (reserved !== undefined) throw invalid(sid, `${reserved} can't be the name of an extra method`);
  return extraMethods;
}

function rulesOfModel(sid: string, type: SimulatorType, name: string, meta: ModelMeta): ModelRules {
  const place = `${sid}.${name}`;
  for (const list of ['trigger', 'nonTrigger', 'persistent', 'nonPersistent'] as const) {
    for (const attr of meta[list] ?? []) {
      const known = meta.attrs.includes(attr) || (meta.anyInputs === true && list !== 'persistent' && list !== 'nonPersistent');
      if (!known) throw invalid(place, `${list} names ${attr}, which is not in attrs`);
    }
  }
  const isTrigger = triggerRule(place, type, meta);
  const isPersistent = persistentRule(place, type, meta);
  const attrs = new Set(meta.attrs);
  return {
    meta,
    inputOf: (attr) => (meta.anyInputs !== true && !attrs.has(attr) ? undefined : isTrigger(attr) ? 'trigger' : 'non-trigger'),
    outputOf: (attr) => (!attrs.has(attr) ? undefined : isPersistent(attr) ? 'persistent' : 'non-persistent'),
  };
}

type Rule = (attr: string) => boolean;

function triggerRule(place: string, type: SimulatorType, meta: ModelMeta): Rule {
  const { trigger, nonTrigger } = meta;
  if (type === 'time-based') {
    if (trigger !== undefined && trigger.length > 0)
      throw invalid(place, 'a time-based simulator has no trigger attributes; make it hybrid');
    return () => false;
  }
  if (type === 'event-based') {
    if (nonTrigger !== undefined && nonTrigger.length > 0)
      throw invalid(place, 'every input of an event-based simulator triggers; make it hybrid');
    return () => true;
  }
  if (trigger !== undefined) {
    const both = (nonTrigger ?? []).find((attr) => trigger.includes(attr));
    if (both !== undefined) throw invalid(place, `${both} is both trigger and non-trigger`);
    const neither = nonTrigger === undefined ? undefined : meta.attrs.find((attr) => !trigger.includes(attr) && !nonTrigger.includes(attr));
    if (neither !== undefined) throw invalid(place, `${neither} is neither trigger nor non-trigger`);
    return (attr) => trigger.includes(attr);
  }
  return nonTrigger === undefined ? () => false : (attr) => !nonTrigger.includes(attr);
}

function persistentRule(place: string, type: SimulatorType, meta: ModelMeta): Rule {
  const { persistent, nonPersistent } = meta;
  if (type === 'time-based') {
    if (nonPersistent !== undefined && nonPersistent.length > 0)
      throw invalid(place, 'outputs of a time-based simulator are persistent; make it hybrid');
    return () => true;
  }
  if (type === 'event-based') {
    if (persistent !== undefined && persistent.length > 0)
      throw invalid(place, 'outputs of an event-based simulator are not persistent; make it hybrid');
    return () => false;
  }
  if (nonPersistent === undefined) {
    const missing = persistent === undefined ? undefined : meta.attrs.find((attr) => !persistent.includes(attr));
    if (missing !== undefined) throw invalid(place, `persistent does not name ${missing}; name the non-persistent ones too`);
    return () => true;
  }
  const both = (persistent ?? []).find((attr) => nonPersistent.includes(attr));
  if (both !== undefined) throw invalid(place, `${both} is both persistent and non-persistent`);
  return (attr) => !nonPersistent.includes(attr);
}

function invalid(place: string, reason: string): CosimError {
  return new CosimError('META_INVALID', `${place}: ${reason}`, 'correct the meta that the simulator answers to init');
}
