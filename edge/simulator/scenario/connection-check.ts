/** Checks the connections of a scenario file by the engine's own rules, one connection for each entry, and looks for endless loops. */
import type { ModelRules } from '../cosim/attributes.ts';
import { type Connection, type ConnectOptions, connectionsOf, type Endpoint } from '../cosim/connections.ts';
import type { Entity } from '../cosim/entity.ts';
import type { CreatedEntity } from '../cosim/simulator.ts';
import { stepOrder } from '../cosim/step-order.ts';
import { attempt, type Checking, type KnownSet, refuse } from './checking.ts';
import type { Path } from './json-comments.ts';
import type { ConnectionEntry, SetReference } from './scenario-file.ts';
import { suggestion } from './scenario-shape.ts';
import { transformOf } from './scenario-transform.ts';

/** One side of an entry. */
interface Side {
  set: KnownSet;
  /** Undefined where only the run will tell. */
  rules: ModelRules | undefined;
  count: number | undefined;
  model: string;
}

/** Of a simulator whose meta only the run will tell: everything it is asked for is there. */
const ANYTHING: ModelRules = { meta: { params: [], attrs: [] }, inputOf: () => 'trigger', outputOf: () => 'persistent' };

export function checkConnections(checking: Checking): void {
  const made: Connection[] = [];
  const before = checking.mistakes.length;
  (checking.file.connections ?? []).forEach((entry, i) => {
    // One of another shape has been told already.
    if (entry !== undefined) made.push(...checkConnection(checking, entry, ['connections', i]));
  });
  if (checking.mistakes.length > before) return;
  const simulators = [...checking.simulators.values()];
  const graph = { connections: made, sids: simulators.map(({ sid }) => sid), groups: simulators.map(({ groups }) => groups) };
  attempt(checking, ['connections'], () => stepOrder(graph));
}

export function connectOptions(entry: ConnectionEntry, place: string): ConnectOptions {
  const { timeShifted, weak, initialData, transform, asyncRequests } = entry;
  return {
    ...(timeShifted === undefined ? {} : { timeShifted }),
    ...(weak === undefined ? {} : { weak }),
    ...(initialData === undefined ? {} : { initialData }),
    ...(transform === undefined ? {} : { transform: transformOf(transform, `${place}.transform`) }),
    ...(asyncRequests === undefined ? {} : { asyncRequests }),
  };
}

export function setName(reference: SetReference): string {
  return typeof reference === 'string' ? reference : reference.of;
}

function checkConnection(checking: Checking, entry: ConnectionEntry, path: Path): Connection[] {
  checkPatternKeys(checking, entry, path);
  const from = sideOf(checking, entry.from, [...path, 'from']);
  const to = sideOf(checking, entry.to, [...path, 'to']);
  if (from === undefined || to === undefined) return [];
  if (checking.absent.has(from.set.simulator.sid) || checking.absent.has(to.set.simulator.sid)) return [];
  checkCounts(checking, entry, from, to, path);
  const { attributes = [] } = entry;
  const unknown = attributes.flatMap((pair, i) => unknownAttributes(pair, from, to).map((message) => ({ message, i })));
  for (const { message, i } of unknown) refuse(checking, [...path, 'attributes', i], message);
  if (unknown.length > 0) return [];
  const place = `connections[${path[1]}]`;
  const act = () => connectionsOf(endpoint(from), endpoint(to), attributes, connectOptions(entry, place), 0);
  // A loop is told with the entry of each of its edges.
  const made = (attempt(checking, path, act) ?? []).map((its) => ({ ...its, sourceId: `${place}: ${its.sourceId}` }));
  return made.length > 0 || entry.asyncRequests !== true ? made : [orderOnly(from, to, place)];
}

function sideOf(checking: Checking, reference: SetReference, path: Path): Side | undefined {
  const name = setName(reference);
  const at = typeof reference === 'string' ? path : [...path, 'of'];
  const { entities } = checking.names;
  if (!entities.includes(name)) refuse(checking, at, `no entities are called ${name}: ${suggestion(name, entities)}`);
  const set = checking.sets.get(name);
  if (set === undefined) return undefined;
  const whole = { set, rules: set.rules, count: set.count, model: set.entry.model };
  return typeof reference === 'string' ? whole : partOf(checking, reference, whole, path);
}

function partOf(checking: Checking, { children, index }: Exclude<SetReference, string>, whole: Side, path: Path): Side {
  let part = whole;
  if (children !== undefined) {
    const { rules } = whole.set.simulator;
    if (rules !== undefined && !rules.has(children))
      refuse(
        checking,
        [...path, 'children'],
        `${whole.set.simulator.sid} has no model ${children}: ${suggestion(children, [...rules.keys()])}`,
      );
    const { probed } = whole.set;
    const count = probed === undefined ? undefined : probed.flatMap((entity) => childrenOf(entity, children)).length;
    part = { set: whole.set, rules: rules?.get(children), count, model: children };
  }
  if (index === undefined) return part;
  if (part.count !== undefined && index >= part.count)
    refuse(checking, [...path, 'index'], `there are ${part.count} of them, counted from 0`);
  return { ...part, count: 1 };
}

function childrenOf({ children = [] }: CreatedEntity, type: string): CreatedEntity[] {
  return children.flatMap((child) => [...(child.type === type ? [child] : []), ...childrenOf(child, type)]);
}

/** What the schema says of seed, evenly and maxConnects. */
function checkPatternKeys(checking: Checking, entry: ConnectionEntry, path: Path): void {
  if (entry.pattern === 'random') {
    if (entry.maxConnects !== undefined && entry.evenly !== false)
      refuse(checking, [...path, 'maxConnects'], 'only goes with "evenly": false');
    return;
  }
  for (const key of ['seed', 'evenly', 'maxConnects'] as const)
    if (entry[key] !== undefined) refuse(checking, [...path, key], 'only goes with "pattern": "random"');
}

function checkCounts(checking: Checking, entry: ConnectionEntry, from: Side, to: Side, path: Path): void {
  const { pattern = 'one', maxConnects = Number.POSITIVE_INFINITY, evenly = true } = entry;
  const one = (key: 'from' | 'to', { count, set }: Side) => {
    if (count === undefined || count === 1) return;
    refuse(
      checking,
      [...path, key],
      `${set.name} has ${count} entities, but the pattern ${pattern} wants one here: say zip, manyToOne or oneToMany`,
    );
  };
  if (pattern === 'one' || pattern === 'oneToMany') one('from', from);
  if (pattern === 'one' || pattern === 'manyToOne') one('to', to);
  if (from.count === undefined || to.count === undefined) return;
  if (pattern === 'zip' && from.count !== to.count)
    refuse(checking, path, `zip wants as many on both sides: ${from.set.name} has ${from.count}, ${to.set.name} has ${to.count}`);
  if (pattern === 'random' && !evenly && from.count > to.count * maxConnects)
    refuse(checking, [...path, 'maxConnects'], `${from.count} sources do not fit ${to.count} destinations of ${maxConnects} each`);
}

function unknownAttributes(pair: string | readonly [string, string], from: Side, to: Side): string[] {
  const [output, input] = typeof pair === 'string' ? [pair, pair] : pair;
  const messages: string[] = [];
  if (from.rules !== undefined && from.rules.outputOf(output) === undefined)
    messages.push(`${from.model} has no output ${output}: ${suggestion(output, from.rules.meta.attrs)}`);
  if (to.rules !== undefined && to.rules.inputOf(input) === undefined)
    messages.push(`${to.model} has no input ${input}: ${suggestion(input, to.rules.meta.attrs)}`);
  return messages;
}

function endpoint({ set, rules = ANYTHING, model }: Side): Endpoint {
  const { index, groups, sid } = set.simulator;
  const entity: Entity = { sid, eid: set.name, fullId: set.name, model, rel: [], children: [], extraInfo: undefined };
  return { simulator: index, entity, rules, groups };
}

/** The order that asyncRequests alone give. */
function orderOnly(from: Side, to: Side, place: string): Connection {
  const ordered = { ...from, rules: ANYTHING };
  const [made] = connectionsOf(endpoint(ordered), endpoint({ ...to, rules: ANYTHING }), ['(asyncRequests)'], {}, 0);
  return { ...(made as Connection), sourceId: `${place}: ${from.set.name}` };
}
