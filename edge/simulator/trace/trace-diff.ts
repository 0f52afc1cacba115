/**
 * Where two recorded runs part. The steps of each simulator are compared one by one, in their order, up to its first difference; of these
 * the first in simulated time is where the runs part, all others may follow from it.
 *
 * Steps at the same tick are ordered as they were recorded. A simulator is never recorded before those whose outputs it was given, so a
 * consequence never comes before its cause.
 */
import { isStep, type RecordedSimulator, type RecordedStep, stepTimeText, type TraceHeader } from './trace-format.ts';
import type { Trace } from './trace-reader.ts';
import { firstDifference } from './value-difference.ts';
import { valueText } from './replay.ts';

export interface TraceDiff {
  /** Simulators, parameters, entities, `until`: before the first step. */
  setup: SetupDifference[];
  /** Undefined when all steps are equal. */
  first: StepDifference | undefined;
  /**
   * The first step in which a simulator was given the same and answered differently, when that is what made `first` differ; undefined
   * when the cause is none of the steps: a connection, an event or data from outside, `until`.
   */
  cause: StepDifference | undefined;
  /** First difference of every other simulator that has one, in order. */
  followers: StepDifference[];
  /** Steps that were compared and are equal. */
  equalSteps: number;
  /** Steps that could not be compared: the file of the other run ends before its run did. */
  onlyIn: { a: number; b: number };
  /** Both runs are there from beginning to end. */
  areWhole: boolean;
  /** Why one of the files holds less than a whole run. */
  notes: string[];
}

export interface SetupDifference {
  /** Undefined for what belongs to the whole run. */
  sid: string | undefined;
  path: string[];
  a: unknown;
  b: unknown;
}

export interface StepDifference {
  sid: string;
  /** Number of the simulator's step, from 1. */
  step: number;
  time: number;
  round: number;
  /** missing: only one of the runs has this step. */
  what: 'missing' | 'time' | 'inputs' | 'maxAdvance' | 'failure' | 'next' | 'outputs';
  entity?: string;
  attribute?: string;
  /** Full id, of an input. */
  source?: string;
  path: string[];
  a: unknown;
  b: unknown;
}

interface Placed {
  step: RecordedStep;
  /** Line in its file. */
  place: number;
}

/** Steps of one simulator that wait for their partner in the other run. */
interface Lane {
  a: Placed[];
  b: Placed[];
  /** Steps without a partner behind those, when one of the files is over: only their number is kept. */
  more: { a: number; b: number };
  equal: number;
  found: { difference: StepDifference; place: number } | undefined;
}

/** What a simulator did by itself, when everything it was given is equal. */
const OWN: ReadonlySet<StepDifference['what']> = new Set(['failure', 'next', 'outputs']);

/** Both are closed then. @param options `signal` ends it early */
export async function diffTraces(a: Trace, b: Trace, options: { tolerance?: number; signal?: AbortSignal } = {}): Promise<TraceDiff> {
  const { tolerance = 0, signal } = options;
  const lanes = new Map<string, Lane>();
  const laneOf = (sid: string) => {
    let lane = lanes.get(sid);
    if (lane === undefined) lanes.set(sid, (lane = { a: [], b: [], more: { a: 0, b: 0 }, equal: 0, found: undefined }));
    return lane;
  };
  const [fromA, fromB] = [placedSteps(a), placedSteps(b)];
  const isOpen = { a: true, b: true };
  try {
    while ((isOpen.a || isOpen.b) && signal?.aborted !== true) {
      if (isOpen.a) isOpen.a = await take(fromA, 'a', 'b');
      if (isOpen.b) isOpen.b = await take(fromB, 'b', 'a');
    }
  } finally {
    await Promise.all([fromA.return(), fromB.return()]);
    await Promise.all([a.close(), b.close()]);
  }
  const [isWholeA, isWholeB] = [isWhole(a), isWhole(b)];
  for (const lane of lanes.values()) noteMissing(lane, isWholeA, isWholeB);
  const found = [...lanes.values()].flatMap((lane) => lane.found ?? []).sort(byTime);
  const [first, ...followers] = found.map(({ difference }) => difference);
  return {
    setup: setupDifferences(a.header, b.header),
    first,
    cause: first === undefined ? undefined : causeOf(first, followers),
    followers,
    equalSteps: sumOf(lanes, ({ equal }) => equal),
    onlyIn: { a: sumOf(lanes, (lane) => lane.a.length + lane.more.a), b: sumOf(lanes, (lane) => lane.b.length + lane.more.b) },
    areWhole: isWholeA && isWholeB,
    notes: [a, b].flatMap(noteOf),
  };

  async function take(from: AsyncGenerator<Placed, void>, side: 'a' | 'b', other: 'a' | 'b'): Promise<boolean> {
    const next = await from.next();
    if (next.done === true) return false;
    const lane = laneOf(next.value.step.sid);
    if (lane.found !== undefined) return true;
    if (!isOpen[other] && lane[side].length > 0 && lane[other].length === 0) lane.more[side]++;
    else {
      lane[side].push(next.value);
      compareHeads(lane, tolerance);
    }
    return true;
  }
}

function sumOf(lanes: ReadonlyMap<string, Lane>, count: (lane: Lane) => number): number {
  return [...lanes.values()].reduce((sum, lane) => sum + count(lane), 0);
}

async function* placedSteps(trace: Trace): AsyncGenerator<Placed, void> {
  let place = 0;
  for await (const line of trace.lines()) {
    place++;
    if (isStep(line)) yield { step: line, place };
  }
}

function compareHeads(lane: Lane, tolerance: number): void {
  const [a, b] = [lane.a[0], lane.b[0]];
  if (a === undefined || b === undefined) return;
  lane.a.shift();
  lane.b.shift();
  const difference = stepDifference(a.step, b.step, lane.equal + 1, tolerance);
  if (difference === undefined) lane.equal++;
  else foundIn(lane, difference, Math.min(a.place, b.place));
}

function foundIn(lane: Lane, difference: StepDifference, place: number): void {
  lane.found = { difference, place };
  lane.a = [];
  lane.b = [];
  lane.more = { a: 0, b: 0 };
}

/** Steps of one run only. A file that ends before its run did says nothing about what is not in it. */
function noteMissing(lane: Lane, isWholeA: boolean, isWholeB: boolean): void {
  if (lane.found !== undefined) return;
  const [a, b] = [lane.a[0], lane.b[0]];
  const only = a ?? b;
  if (only === undefined || (a === undefined ? !isWholeA : !isWholeB)) return;
  const { step, place } = only;
  const { sid, time, round = 0 } = step;
  foundIn(lane, { sid, step: lane.equal + 1, time, round, what: 'missing', path: [], a: a?.step, b: b?.step }, place);
}

function stepDifference(a: RecordedStep, b: RecordedStep, number: number, tolerance: number): StepDifference | undefined {
  const { sid } = a;
  const earlier = a.time <= b.time ? a : b;
  const at = { sid, step: number, time: earlier.time, round: earlier.round ?? 0 };
  const pairs = [
    ['time', stepTimeText(a), stepTimeText(b)],
    ['inputs', a.inputs, b.inputs],
    ['maxAdvance', a.maxAdvance, b.maxAdvance],
    ['failure', a.failed, b.failed],
    ['next', a.next, b.next],
    ['outputs', a.outputs, b.outputs],
  ] as const;
  for (const [what, left, right] of pairs) {
    const its = firstDifference(left, right, tolerance);
    if (its === undefined) continue;
    const { path, before, after } = its;
    return { ...at, what, ...placeOf(what, path), a: before, b: after };
  }
  return undefined;
}

function placeOf(what: StepDifference['what'], path: string[]): Pick<StepDifference, 'entity' | 'attribute' | 'source' | 'path'> {
  const rest = [...path];
  if (what === 'outputs' && rest[0] === 'data') rest.shift();
  else if (what !== 'inputs') return { path };
  const [entity, attribute, source] = rest.splice(0, what === 'inputs' ? 3 : 2);
  return {
    ...(entity === undefined ? {} : { entity }),
    ...(attribute === undefined ? {} : { attribute }),
    ...(source === undefined ? {} : { source }),
    path: rest,
  };
}

function byTime(a: NonNullable<Lane['found']>, b: NonNullable<Lane['found']>): number {
  return a.difference.time - b.difference.time || a.place - b.place;
}

/** Follows inputs to where they come from. */
function causeOf(first: StepDifference, others: readonly StepDifference[]): StepDifference | undefined {
  const seen = new Set<string>();
  let at: StepDifference | undefined = first;
  while (at !== undefined && !seen.has(at.sid)) {
    if (OWN.has(at.what)) return at;
    seen.add(at.sid);
    const { source, time }: StepDifference = at;
    at = source === undefined ? undefined : others.find((its) => source.startsWith(`${its.sid}.`) && its.time <= time);
  }
  return undefined;
}

function setupDifferences(a: TraceHeader, b: TraceHeader): SetupDifference[] {
  const differences: SetupDifference[] = [];
  const add = (sid: string | undefined, left: unknown, right: unknown, ...before: string[]) => {
    const its = firstDifference(left, right);
    if (its !== undefined) differences.push({ sid, path: [...before, ...its.path], a: its.before, b: its.after });
  };
  add(undefined, a.until, b.until, 'until');
  const sids = (header: TraceHeader) => header.simulators.map(({ sid }) => sid);
  const [sidsA, sidsB] = [sids(a), sids(b)];
  if (firstDifference(sidsA, sidsB) !== undefined) differences.push({ sid: undefined, path: ['simulators'], a: sidsA, b: sidsB });
  for (const left of a.simulators) {
    const right = b.simulators.find(({ sid }) => sid === left.sid);
    if (right === undefined) continue;
    for (const part of ['timeResolution', 'params', 'meta'] as const) add(left.sid, left[part], right[part], part);
    addCalls(left, right, add);
  }
  return differences;
}

function addCalls(
  left: RecordedSimulator,
  right: RecordedSimulator,
  add: (sid: string, a: unknown, b: unknown, ...before: string[]) => void,
): void {
  const length = Math.max(left.calls.length, right.calls.length);
  for (let i = 0; i < length; i++)
    add(left.sid, left.calls[i], right.calls[i], left.calls[i]?.call ?? right.calls[i]?.call ?? '', String(i + 1));
}

function isWhole({ end }: Trace): boolean {
  return end !== undefined && end.completed !== false && end.failed === undefined;
}

function noteOf({ path, end, tornText }: Trace): string[] {
  if (tornText !== undefined) return [tornText];
  if (end?.failed !== undefined) return [`${path}: its run failed: ${end.failed}`];
  return end?.completed === false ? [`${path}: its run was told to stop before its end`] : [];
}

/** All that one of the runs did is known to be what the other did. */
export function areEqual({ setup, first, equalSteps, onlyIn, areWhole }: TraceDiff): boolean {
  const isAllCompared = onlyIn.a + onlyIn.b === 0 && (equalSteps > 0 || areWhole);
  return setup.length === 0 && first === undefined && isAllCompared;
}

/** Lines told of what follows. */
const FOLLOWERS_TOLD_MAX = 10;
/** Of each simulator. */
const SETUPS_TOLD_MAX = 3;

/** For people. */
export function diffText(diff: TraceDiff): string {
  const { setup, first, cause, followers, notes } = diff;
  const lines = [...notes];
  for (const sid of new Set(setup.map((its) => its.sid))) {
    const own = setup.filter((its) => its.sid === sid);
    for (const { path, a, b } of own.slice(0, SETUPS_TOLD_MAX))
      lines.push(`before the run, ${sid ?? 'all'}: ${path.join(' › ')}: ${valueText(a)} | ${valueText(b)}`);
    if (own.length > SETUPS_TOLD_MAX) lines.push(`… and ${own.length - SETUPS_TOLD_MAX} more of ${sid ?? 'all'}`);
  }
  if (first === undefined) lines.push(equalText(diff));
  else {
    lines.push(`the runs part at ${differenceText(first)}`);
    if (cause === undefined) lines.push('no step is the cause: look at the connections, at events and data from outside, and at until');
    else if (cause === first) lines.push(`cause: ${first.sid} was given the same and answered differently`);
    else lines.push(`cause: ${differenceText(cause)}`);
    for (const its of followers.slice(0, FOLLOWERS_TOLD_MAX)) lines.push(`then ${differenceText(its)}`);
    if (followers.length > FOLLOWERS_TOLD_MAX) lines.push(`… and ${followers.length - FOLLOWERS_TOLD_MAX} more simulators`);
  }
  return `${lines.join('\n')}\n`;
}

function equalText({ equalSteps, onlyIn, areWhole }: TraceDiff): string {
  if (equalSteps === 0 && !areWhole) return 'no step is in both files: nothing was compared';
  const more = [
    onlyIn.a > 0 ? `${onlyIn.a} more are in the first only` : '',
    onlyIn.b > 0 ? `${onlyIn.b} more are in the second only` : '',
  ];
  const told = more.filter((text) => text !== '');
  if (told.length === 0) return `all of ${equalSteps} steps are equal`;
  return `the ${equalSteps} steps that are in both files are equal; ${told.join(', ')}`;
}

function differenceText({ sid, step, time, round, what, entity, attribute, source, path, a, b }: StepDifference): string {
  const where = `${stepTimeText({ time, round } as RecordedStep)}, ${sid}, its step ${step}`;
  if (what === 'missing') return `${where}: only in the ${a === undefined ? 'second' : 'first'} run`;
  const inside = [entity, attribute, ...path].filter((part) => part !== undefined).join(' › ');
  const from = source === undefined ? '' : ` from ${source}`;
  return `${where}: ${what}${inside === '' ? '' : ` of ${inside}`}${from}: ${valueText(a)} | ${valueText(b)}`;
}
