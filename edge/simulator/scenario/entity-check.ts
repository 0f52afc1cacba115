/** Checks the entity sets of a scenario file, down to what each entity would be created with. */
import { readdirSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { entitiesOf } from '../cosim/entity.ts';
import { type CreatedEntity, isPromise, type Params } from '../cosim/simulator.ts';
import { attemptParams, type Checking, type KnownSet, type KnownSimulator, refuse, without } from './checking.ts';
import { batchesOf, type EntityBatch, type Variables } from './entity-params.ts';
import type { Path } from './json-comments.ts';
import { REPLAY, TOPIC } from './offered-models.ts';
import type { EntityEntry } from './scenario-file.ts';
import { suggestion } from './scenario-shape.ts';
import { checkSid } from './simulator-check.ts';

const PATTERN_DEFAULT = '*.csv';
/** Stands for the file of a household, which is not known before the replay is planned. */
const SOME_HOUSEHOLD: Variables = { household: '', path: '', name: '', stem: '', firstLine: '' };

export function checkEntities(checking: Checking): void {
  const eids = new Map<string, Set<string>>();
  for (const [name, entry] of Object.entries(checking.file.entities ?? {})) {
    if (!checkSid(checking, ['entities', name, 'simulator'], entry.simulator)) continue;
    const simulator = checking.simulators.get(entry.simulator);
    if (simulator === undefined) continue;
    const set = knownSet(checking, name, entry, simulator);
    checking.sets.set(name, set);
    if (checking.absent.has(entry.simulator)) continue;
    if (!eids.has(entry.simulator)) eids.set(entry.simulator, new Set());
    if (set.rules === undefined) continue;
    const unknown = checkParams(checking, set);
    set.probed = probed(checking, set, unknown, eids.get(entry.simulator) as Set<string>);
  }
}

function knownSet(checking: Checking, name: string, entry: EntityEntry, simulator: KnownSimulator): KnownSet {
  const path = ['entities', name];
  const { rules } = simulator;
  if (entry.count !== undefined && entry.onePerFile !== undefined) refuse(checking, [...path, 'count'], 'does not go with onePerFile');
  const model = rules?.get(entry.model);
  if (rules !== undefined && model === undefined) {
    const models = [...rules].flatMap(([its, { meta }]) => (meta.public === false ? [] : [its]));
    refuse(checking, [...path, 'model'], `${simulator.sid} has no model ${entry.model}: ${suggestion(entry.model, models)}`);
  }
  if (model?.meta.public === false) refuse(checking, [...path, 'model'], `${entry.model} is not public`);
  const files = filesOf(checking, name, entry, simulator);
  const { seed = 1 } = checking.file;
  const { fingerprint, mistakes } = checking;
  const each = (files ?? Array.from<Variables>({ length: entry.count ?? 1 }).fill({})).map((its) => ({ ...its, scenario: fingerprint }));
  const batches = batchesOf(name, entry, seed, each, (mistake) => mistakes.push(mistake));
  const isReplay = entry.onePerFile !== undefined && 'dataset' in entry.onePerFile;
  return { name, entry, simulator, rules: model, count: isReplay ? undefined : each.length, probed: undefined, files, batches };
}

/** Undefined without files. Those of the replay are known later; here one stands for them. */
function filesOf(
  checking: Checking,
  name: string,
  { onePerFile }: EntityEntry,
  { entry }: KnownSimulator,
): readonly Variables[] | undefined {
  const path = ['entities', name];
  if (onePerFile !== undefined && 'dataset' in onePerFile) {
    if (entry.model !== REPLAY) refuse(checking, [...path, 'onePerFile'], `the household files are for the simulator ${REPLAY}`);
    return [SOME_HOUSEHOLD];
  }
  if (entry.model === REPLAY) refuse(checking, path, `its entities are the household files: write "onePerFile": {"dataset": "households"}`);
  if (onePerFile === undefined) return undefined;
  const folder = resolve(checking.folder, onePerFile.folder);
  const names = namesIn(folder, onePerFile.pattern ?? PATTERN_DEFAULT);
  if (names === undefined) refuse(checking, [...path, 'onePerFile', 'folder'], `${folder} can not be read: name a folder that exists`);
  else if (names.length === 0)
    refuse(checking, [...path, 'onePerFile'], `no file in ${folder} is called ${onePerFile.pattern ?? PATTERN_DEFAULT}`);
  return (names ?? []).map((its) => fileVariables(join(folder, its)));
}

export function fileVariables(path: string): Variables {
  const { base: name, name: stem } = parse(path);
  return { path, name, stem };
}

function namesIn(folder: string, pattern: string): string[] | undefined {
  const literal = (text: string) => text.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const matches = new RegExp(`^${literal(pattern).replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.flatMap((its) => (!its.isDirectory() && !its.name.startsWith('.') && matches.test(its.name) ? [its.name] : [])).sort();
  } catch {
    return undefined;
  }
}

/** @returns those that nobody knows */
function checkParams(checking: Checking, { name, entry, rules }: KnownSet): string[] {
  const known = rules?.meta.params ?? [];
  const unknown = Object.keys(entry.params ?? {}).filter((its) => !known.includes(its));
  for (const its of unknown) {
    const path: Path = ['entities', name, 'params', its];
    refuse(checking, path, `${entry.model} has no parameter ${its}: ${suggestion(its, known)}`);
  }
  const isOne = entry.simulator !== undefined && checking.simulators.get(entry.simulator)?.entry.model === TOPIC;
  if (isOne && (entry.count ?? 1) !== 1) refuse(checking, ['entities', name, 'count'], 'there is one topic: leave this out');
  return unknown;
}

/** Undefined when something was refused. @param unknown parameters that have been told, and are left out here */
function probed(
  checking: Checking,
  { name, entry, simulator, batches }: KnownSet,
  unknown: readonly string[],
  eids: Set<string>,
): CreatedEntity[] | undefined {
  const before = checking.mistakes.length;
  const path = ['entities', name, ...(entry.params === undefined ? [] : ['params'])];
  const created: CreatedEntity[] = [];
  for (const { num, params } of batches) {
    const act = (some: Params) => probeBatch(simulator, entry, { num, params: some }, eids);
    const its = attemptParams(checking, path, without(params, unknown), act);
    // The others of the set would say the same again.
    if (checking.mistakes.length > before) return undefined;
    created.push(...(its ?? []));
  }
  return created;
}

function probeBatch({ sid, probe, entry: { model } }: KnownSimulator, entry: EntityEntry, { num, params }: EntityBatch, eids: Set<string>) {
  const created = probe?.create(num, entry.model, params) ?? [];
  if (isPromise<readonly CreatedEntity[]>(created)) throw new Error(`${model} does not create at once`);
  entitiesOf(sid, num, entry.model, created, eids);
  return created;
}
