/** Checks the simulators, groups, first events and calls of a scenario file. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { rulesOf } from '../cosim/attributes.ts';
import { isPromise, type Params, type SimulatorMeta } from '../cosim/simulator.ts';
import { fillCommand, parseAddress, splitCommand } from '../remote/command-line.ts';
import { attempt, attemptParams, type Checking, refuse } from './checking.ts';
import { COLLECTOR, NOBODY_TO_ASK, OFFERED_MODELS, type OfferedModel, REPLAY, TOPIC } from './offered-models.ts';
import type { GroupTree, ScenarioFile, SimulatorEntry } from './scenario-file.ts';
import { suggestion } from './scenario-shape.ts';

const KINDS = ['model', 'command', 'connect'] as const;
/** Keys that only make sense beside another. */
const BESIDE: Readonly<Partial<Record<keyof SimulatorEntry, readonly (typeof KINDS)[number][]>>> = {
  cwd: ['command'],
  env: ['command'],
  apiVersion: ['command', 'connect'],
  stepTimeoutSeconds: ['command', 'connect'],
  startTimeoutSeconds: ['command', 'connect'],
};

export interface SimulatorSettings {
  /** There is a file for a collector that names none. */
  hasCollectFile: boolean;
}

export function checkSimulators(checking: Checking, settings: SimulatorSettings): void {
  const { file, simulators, names } = checking;
  const groups = groupPaths(file.groups ?? {});
  if (names.simulators.length === 0 && !isMisshapen(checking, 'simulators'))
    refuse(checking, ['simulators'], 'there are none: name at least one');
  for (const [sid, entry] of Object.entries(file.simulators)) {
    const index = simulators.size;
    const known = {
      sid,
      index,
      entry,
      groups: groupsOf(checking, sid, entry, groups),
      rules: undefined,
      extraMethods: undefined,
      probe: undefined,
    };
    simulators.set(sid, known);
    if (!hasOneKind(checking, sid, entry)) continue;
    if (entry.model === undefined) checkLaunch(checking, sid, entry);
    else if (isLeftOut(checking, sid, entry, settings)) checking.absent.add(sid);
    else Object.assign(known, lookAt(checking, sid, entry));
  }
  for (const model of [REPLAY, TOPIC]) {
    const [, ...more] = [...simulators.values()].filter(({ entry }) => entry.model === model);
    for (const { sid } of more) refuse(checking, ['simulators', sid, 'model'], `there is another ${model}: a scenario has one of them`);
  }
}

export function checkFirstEvents(checking: Checking): void {
  for (const sid of Object.keys(checking.file.initialEvents ?? {})) checkSid(checking, ['initialEvents', sid], sid);
}

export function checkCalls(checking: Checking): void {
  (checking.file.calls ?? []).forEach((entry, i) => {
    // One of another shape has been told already.
    if (entry === undefined || !checkSid(checking, ['calls', i, 'simulator'], entry.simulator)) return;
    const methods = checking.simulators.get(entry.simulator)?.extraMethods;
    if (methods !== undefined && !methods.includes(entry.method))
      refuse(
        checking,
        ['calls', i, 'method'],
        `${entry.simulator} has no extra method ${entry.method}: ${suggestion(entry.method, methods)}`,
      );
  });
}

/** @returns whether the name stands in the file */
export function checkSid(checking: Checking, path: (string | number)[], sid: string): boolean {
  const { simulators } = checking.names;
  const isKnown = simulators.includes(sid);
  if (!isKnown && simulators.length > 0) refuse(checking, path, `no simulator is called ${sid}: ${suggestion(sid, simulators)}`);
  return isKnown;
}

/** What a simulator is started with. */
export function startParams(file: ScenarioFile, { model, params = {} }: SimulatorEntry): Params {
  const taken: Record<string, unknown> = {};
  for (const [key, param] of Object.entries(OFFERED_MODELS.get(model ?? '')?.takes ?? {})) {
    const value = file[key as 'start'];
    if (value !== undefined) taken[param] = value;
  }
  return { ...taken, ...params };
}

/** Number of each group by its path, in the order of the file. */
function groupPaths(
  tree: GroupTree,
  above: { path: string; groups: readonly number[] } = { path: '', groups: [] },
  all = new Map<string, number[]>(),
) {
  for (const [name, inner] of Object.entries(tree)) {
    const path = above.path === '' ? name : `${above.path}/${name}`;
    const groups = [...above.groups, all.size];
    all.set(path, groups);
    groupPaths(inner, { path, groups }, all);
  }
  return all;
}

/** Whoever uses what is in there is not to be blamed. */
function isMisshapen({ mistakes }: Checking, section: string): boolean {
  return mistakes.some(({ path }) => path[0] === section && path.length <= 2);
}

function groupsOf(checking: Checking, sid: string, { group }: SimulatorEntry, groups: ReadonlyMap<string, number[]>): readonly number[] {
  if (group === undefined) return [];
  if (isMisshapen(checking, 'groups')) return [0];
  const found = groups.get(group);
  if (found === undefined)
    refuse(checking, ['simulators', sid, 'group'], `there is no group ${group}: ${suggestion(group, [...groups.keys()])}`);
  return found ?? [];
}

function hasOneKind(checking: Checking, sid: string, entry: SimulatorEntry): boolean {
  const kinds = KINDS.filter((kind) => entry[kind] !== undefined);
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? 'none is there' : `${kinds.join(' and ')} are there`;
    refuse(checking, ['simulators', sid], `one of ${KINDS.join(', ')} is wanted: ${found}`);
    return false;
  }
  for (const [key, kindsOfKey] of Object.entries(BESIDE)) {
    if (entry[key as keyof SimulatorEntry] !== undefined && !kindsOfKey.includes(kinds[0] as (typeof KINDS)[number]))
      refuse(checking, ['simulators', sid, key], `only makes sense beside ${kindsOfKey.join(' or ')}`);
  }
  return true;
}

function checkLaunch(checking: Checking, sid: string, { command, cwd, connect }: SimulatorEntry): void {
  if (command !== undefined) {
    const path = ['simulators', sid, 'command'];
    attempt(checking, path, () => splitCommand(fillCommand(command, { addr: '127.0.0.1:1', python: 'python3' })));
    if (!command.includes('%(addr)s')) refuse(checking, path, 'does not say %(addr)s, so the simulator can not know where to connect');
  }
  const folder = resolve(checking.folder, cwd ?? '.');
  if (cwd !== undefined && statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    refuse(checking, ['simulators', sid, 'cwd'], `${folder} is no folder: name one that exists, from the folder of this file`);
  if (connect !== undefined) attempt(checking, ['simulators', sid, 'connect'], () => parseAddress(connect));
}

function isLeftOut(
  checking: Checking,
  sid: string,
  { model, params, optional }: SimulatorEntry,
  { hasCollectFile }: SimulatorSettings,
): boolean {
  if (model !== COLLECTOR || hasCollectFile) return false;
  const own = params?.['file'];
  if (own !== undefined && (typeof own !== 'string' || own === ''))
    refuse(checking, ['simulators', sid, 'params', 'file'], 'the name of a file is wanted');
  if (own !== undefined || optional === true) return own === undefined;
  refuse(checking, ['simulators', sid], 'has no file to write: give it params.file, or the setting simulation.collect_file');
  return false;
}

function lookAt(checking: Checking, sid: string, entry: SimulatorEntry) {
  const offered = OFFERED_MODELS.get(entry.model as string);
  if (offered === undefined) {
    const message = `no simulator ${entry.model} in this program: ${suggestion(entry.model as string, [...OFFERED_MODELS.keys()])}`;
    refuse(checking, ['simulators', sid, 'model'], message);
    return {};
  }
  const { timeResolutionSeconds = 1 } = checking.file;
  if (offered.isOfProduct && timeResolutionSeconds !== 1)
    refuse(checking, ['timeResolutionSeconds'], `${entry.model} lives in ticks of a second: leave this out`);
  const path = ['simulators', sid, ...(entry.params === undefined ? ['model'] : ['params'])];
  const act = (params: Params) => probe(checking, sid, { ...entry, params: params as SimulatorEntry['params'] }, offered);
  return attemptParams(checking, path, entry.params ?? {}, act) ?? {};
}

function probe({ file }: Checking, sid: string, entry: SimulatorEntry, offered: OfferedModel) {
  const { timeResolutionSeconds = 1 } = file;
  const simulator = offered.probe();
  const meta = simulator.init(sid, timeResolutionSeconds, startParams(file, entry), NOBODY_TO_ASK);
  if (isPromise<SimulatorMeta>(meta)) throw new Error(`${entry.model} does not tell its meta at once`);
  return { rules: rulesOf(sid, meta), extraMethods: meta.extraMethods ?? [], probe: simulator };
}
