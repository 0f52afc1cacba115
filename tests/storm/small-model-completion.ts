/**
 * What a world comes to when nothing fails any more, and whether that is right. The truth is computed here by a plain loop
 * over the readings; nothing of it uses the rules.
 */
import { type Mark, STAT, type Part, type Reading } from '../../common/messages.ts';
import { isRunComplete } from '../../common/protocol/edge-ledger.ts';
import { checkCloud } from './small-model-cloud.ts';
import { FENCED, type Model, Violation } from './small-model-edge.ts';
import { append, crash } from './small-model-events.ts';
import { stepsOfEdge } from './small-model-steps.ts';
import type { CloudDisk, Edge, Scenario, World } from './small-model-world.ts';

/** A round lets everybody do all they can. A handful is the usual case. */
const ROUNDS_MAX = 40;
/** Steps of one edge in one round. */
const STEPS_MAX = 400;
/** How often an operator restarts an edge that another has fenced. */
const RESTARTS_MAX = 4;

/** How a run without faults begins: all is appended, nothing is on its way, whoever waited gave up, consumers begin anew. */
export function calmed(model: Model, world: World): World {
  const consuming = world.logs.map(() => undefined);
  const edges = world.edges.map((edge) => ({ ...edge, memory: { ...edge.memory, pending: [], consuming } }));
  return appendAll(model, { ...world, packets: [], edges });
}

/** From a calmed world on, everything is taken in, sent and answered until nothing is left to do. */
export function complete(model: Model, from: World): World {
  let world = from;
  let restarts = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = world;
    for (const { name } of world.edges) world = runEdge(model, world, name);
    if (world !== before) continue;
    const fenced = world.edges.filter(({ disk }) => [...disk.ledger.parked.values()].includes(FENCED));
    const last = fenced.at(-1);
    if (last === undefined || fenced.length < world.edges.length || restarts === RESTARTS_MAX) return world;
    // Whoever was fenced while there was no other process has fenced itself.
    if (world.made.lives === 1) throw new Violation(`${last.name} is fenced and nobody else has claimed`);
    restarts++;
    world = crash(world, last);
  }
  throw new Violation(`no end after ${ROUNDS_MAX} rounds without a fault`);
}

function appendAll(model: Model, from: World): World {
  let world = from;
  for (let partition = 0; partition < world.logs.length; partition++) {
    for (let next = append(model, world, partition); next !== undefined; next = append(model, world, partition)) world = next;
  }
  return world;
}

function runEdge(model: Model, from: World, name: string): World {
  let world = from;
  for (let step = 0; step < STEPS_MAX; step++) {
    const next = firstStep(model, world, world.edges.find((edge) => edge.name === name) as Edge);
    if (next === undefined) return world;
    world = next;
  }
  throw new Violation(`${name} finds no end in ${STEPS_MAX} steps`);
}

function firstStep(model: Model, world: World, edge: Edge): World | undefined {
  for (const { take } of stepsOfEdge(model, world, edge)) {
    const next = take();
    if (next !== undefined) return next;
  }
  return undefined;
}

/** Compares the result with the truth. */
export function checkComplete(model: Model, world: World): void {
  checkCloud(model, world.cloud.disk);
  for (const reading of model.scenario.readings) checkReading(model, world, reading);
  checkWindows(model, world.cloud.disk);
  const working = world.edges.filter(({ disk }) => disk.ledger.parked.size === 0);
  for (const { name, disk } of world.edges) {
    for (const reason of disk.ledger.parked.values()) if (reason !== FENCED) throw new Violation(`${name} parked a household: ${reason}`);
  }
  if (working.length === 0) throw new Violation('no edge works any more');
  for (const { name, disk } of working) {
    const left = disk.rows.filter(({ state }) => state !== 'acked').length;
    if (left > 0) throw new Violation(`${name} is left with ${left} rows that are not acknowledged`);
    for (const { household, device, src, seq } of lastSeqs(world)) {
      const key = `${household}/${device}/${src}`;
      if (!isRunComplete(disk.ledger.sources.get(key), seq)) throw new Violation(`${name} does not know that ${key} is complete`);
    }
  }
}

function checkReading({ scenario }: Model, { logs, edges, cloud, lost }: World, reading: Reading): void {
  const source = cloud.disk.sources.get(nameOf(reading));
  const { seq } = reading;
  const what = `${nameOf(reading)} seq ${seq}`;
  const stored = (source?.parts ?? []).filter((part) => part.fromSeq <= seq && seq <= part.toSeq).length;
  if (stored > 1) throw new Violation(`${what} is counted ${stored} times`);
  const isDeclared = source?.declared.has(seq) ?? false;
  if (stored === 1 && isDeclared) throw new Violation(`${what} is stored and declared missing`);
  const isNotInRun = scenario.notInRun.has(reading);
  if (stored === 1 || (isNotInRun && isDeclared)) return;
  const record = recordOf(scenario, reading);
  const isLost = lost.replaced.has(record) || (lost.retained.has(record) && lost.isRestored);
  // Its record is gone, and the end mark that would tell that it was there.
  if (!isDeclared && isLost && !lastSeqs({ logs }).some((last) => nameOf(last) === nameOf(reading))) return;
  if (!isDeclared) throw new Violation(`${what} is lost without a word`);
  const message = logs
    .flatMap(({ records }) => records)
    .find((record) => record.message.kind === 'reading' && record.message.reading === reading);
  if (message !== undefined) throw new Violation(`${what} is declared missing and lies in the log`);
  for (const { name, disk } of edges) {
    const isHeld = disk.rows.some(
      ({ row }) => row.kind === 'part' && nameOf(row.part) === nameOf(reading) && row.part.fromSeq <= seq && seq <= row.part.toSeq,
    );
    if (isHeld && disk.ledger.parked.size === 0) throw new Violation(`${what} is declared missing and lies in the outbox of ${name}`);
  }
  if (isLost) return;
  throw new Violation(`${what} is declared missing and was never lost`);
}

/** Name of the record that tells of the reading. */
function recordOf({ produces }: Scenario, reading: Reading): string {
  const found = produces.flat(2).find(({ message }) => {
    if (message.kind === 'reading') return message.reading === reading;
    if (message.kind !== 'skip') return false;
    const { range } = message;
    return nameOf(range) === nameOf(reading) && range.fromSeq <= reading.seq && reading.seq <= range.toSeq;
  });
  return found?.name ?? '';
}

interface Window {
  count: number;
  sum: number;
  min: number;
  max: number;
  first: Reading;
  last: Reading;
}

/** Count, sum, min, max, first and last of every window, against those of the readings that are stored. */
function checkWindows({ scenario }: Model, disk: CloudDisk): void {
  const truth = new Map<string, Window>();
  for (const reading of scenario.readings) {
    const isStored =
      disk.sources.get(nameOf(reading))?.parts.some((part) => part.fromSeq <= reading.seq && reading.seq <= part.toSeq) ?? false;
    if (!isStored) continue;
    const value = reading.values['power'] as number;
    const key = `${nameOf(reading)}@${reading.timeMs - (reading.timeMs % scenario.windowMs)}`;
    const held = truth.get(key);
    truth.set(key, {
      count: (held?.count ?? 0) + 1,
      sum: (held?.sum ?? 0) + value,
      min: Math.min(held?.min ?? value, value),
      max: Math.max(held?.max ?? value, value),
      first: held === undefined || reading.timeMs < held.first.timeMs ? reading : held.first,
      last: held === undefined || reading.timeMs >= held.last.timeMs ? reading : held.last,
    });
  }
  const windows = new Map<string, Part[]>();
  for (const [name, { parts }] of disk.sources) {
    for (const part of parts) {
      const key = `${name}@${part.windowStartMs}`;
      windows.set(key, [...(windows.get(key) ?? []), part]);
    }
  }
  if (windows.size !== truth.size) throw new Violation(`${windows.size} windows are stored, ${truth.size} are true`);
  for (const [key, parts] of windows) compareWindow(key, parts, truth.get(key));
}

function compareWindow(key: string, parts: readonly Part[], truth: Window | undefined): void {
  const of = (stat: keyof typeof STAT) => parts.map((part) => part.stats[STAT[stat]] as number);
  const earliest = [...parts].sort((a, b) => a.firstMs - b.firstMs || a.fromSeq - b.fromSeq)[0] as Part;
  const latest = [...parts].sort((a, b) => b.lastMs - a.lastMs || b.toSeq - a.toSeq)[0] as Part;
  const held = {
    count: parts.reduce((count, part) => count + part.count, 0),
    sum: of('sum').reduce((sum, value) => sum + value, 0),
    min: Math.min(...of('min')),
    max: Math.max(...of('max')),
    first: earliest.stats[STAT.first],
    last: latest.stats[STAT.last],
  };
  const expected = truth === undefined ? undefined : { ...truth, first: truth.first.values['power'], last: truth.last.values['power'] };
  if (JSON.stringify(held) !== JSON.stringify(expected))
    throw new Violation(`window ${key} is ${JSON.stringify(held)}, true is ${JSON.stringify(expected)}`);
}

/** What the end marks say that are still there. */
function lastSeqs({ logs }: Pick<World, 'logs'>): Mark['last'][number][] {
  return logs.flatMap(({ records }) => records.flatMap(({ message }) => (message.kind === 'mark' ? message.mark.last : [])));
}

function nameOf({ household, device, src }: { household: string; device: string; src: string }): string {
  return `${household}/${device}/${src}`;
}
