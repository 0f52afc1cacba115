/**
 * The random walk: more readings, devices and partitions than the search can exhaust, over the wire's real bytes. An episode is
 * named by its seed; the same seed is the same episode.
 */
import { partitionOf } from '../../common/broker/broker.ts';
import type { Reading } from '../../common/messages.ts';
import { type Random, seededRandom } from '../../common/random.ts';
import { calmed, checkComplete, complete } from './small-model-completion.ts';
import { checkCloud } from './small-model-cloud.ts';
import { type Model, Violation } from './small-model-edge.ts';
import { withoutHarmless } from './small-model-events.ts';
import { checkEdges } from './small-model-invariants.ts';
import { endMark } from './small-model-scenarios.ts';
import { ALL_RULES } from './small-model-rules.ts';
import { faultSteps, plainSteps, type Step } from './small-model-steps.ts';
import { type Budget, emptyWorld, type Message, type Scenario, type World } from './small-model-world.ts';

const WINDOW_MS = 5;
const PARTITIONS = 2;
const READINGS_PER_DEVICE = 7;
/** One household in each partition. */
const SOURCES = [
  { household: 'h1', device: 'a', src: 's1', readings: READINGS_PER_DEVICE },
  { household: 'h1', device: 'b', src: 's1', readings: READINGS_PER_DEVICE },
  { household: 'h2', device: 'a', src: 's1', readings: READINGS_PER_DEVICE },
];
/** The last device changes its source. Not where a log loses records: an earlier source after the later one is refused (R1). */
const TWO_SOURCES = [
  ...SOURCES.slice(0, 2),
  { household: 'h2', device: 'a', src: 's1', readings: 4 },
  { household: 'h2', device: 'a', src: 's2', readings: 3 },
];
const FAULT_PROBABILITY = 0.15;
const LATE_PROBABILITY = 0.25;

export interface Walked {
  steps: number;
  counterexample: { message: string; trace: string[] } | undefined;
}

/** Some faults at random moments, then none until the end; checked after every step and at the end. */
export function walk(seed: number, budget: Budget, steps: number): Walked {
  const random = seededRandom(seed);
  const model: Model = { scenario: randomScenario(random, budget), off: ALL_RULES, reached: new Set() };
  const trace: string[] = [];
  let world = emptyWorld(model.scenario);
  let taken = 0;
  try {
    for (; taken < steps; taken++) {
      const next = randomStep(model, world, random);
      if (next === undefined) break;
      trace.push(next.step.name());
      world = withoutHarmless(model, next.world);
      checkCloud(model, world.cloud.disk);
      checkEdges(world);
    }
    trace.push('no further fault');
    checkComplete(model, complete(model, calmed(model, world)));
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { steps: taken, counterexample: { message: error.message, trace } };
  }
  return { steps: taken, counterexample: undefined };
}

function randomStep(model: Model, world: World, random: Random): { step: Step; world: World } | undefined {
  const kinds = random.next() < FAULT_PROBABILITY ? [faultSteps, plainSteps] : [plainSteps, faultSteps];
  for (const stepsOf of kinds) {
    const steps = [...stepsOf(model, world)];
    while (steps.length > 0) {
      const [step] = steps.splice(random.below(steps.length), 1) as [Step];
      const next = step.take();
      if (next !== undefined) return { step, world: next };
    }
  }
  return undefined;
}

function randomScenario(random: Random, budget: Budget): Scenario {
  const isLogSafe = (budget.replace ?? 0) + (budget.retention ?? 0) === 0;
  const readings = randomReadings(random, isLogSafe ? TWO_SOURCES : SOURCES);
  const notInRun = new Set<Reading>();
  const produces = Array.from({ length: PARTITIONS }, (_, partition) => {
    const own = readings.filter(({ household }) => partitionOf(household, PARTITIONS) === partition);
    return randomProduces(random, own, notInRun);
  });
  return {
    name: 'random walk',
    windowMs: WINDOW_MS,
    partitionOf: (household) => partitionOf(household, PARTITIONS),
    produces,
    readings,
    notInRun,
    rowsPerRequest: 1 + random.below(3),
    requestsInFlight: 2,
    refillReadingsMax: random.next() < 0.5 ? 1 + random.below(3) : Number.POSITIVE_INFINITY,
    budget,
    looksAtOffsets: true,
    isOverWire: true,
    looksAtLives: true,
  };
}

function randomReadings(random: Random, sources: typeof SOURCES): Reading[] {
  const greatest = new Map<string, number>();
  return sources.flatMap(({ household, device, src, readings }) => {
    const key = `${household}/${device}`;
    // A later source begins later than all of the earlier one.
    let timeMs = (greatest.get(key) ?? 0) + 1 + random.below(3);
    const begin = timeMs;
    return Array.from({ length: readings }, (_, i): Reading => {
      const isLate = i > 0 && random.next() < LATE_PROBABILITY;
      const at = isLate ? Math.max(begin, timeMs - 1 - random.below(6)) : timeMs;
      timeMs += 1 + random.below(4);
      greatest.set(key, Math.max(greatest.get(key) ?? 0, at));
      return { household, device, src, seq: i + 1, timeMs: at, values: { power: 4 ** i } };
    });
  });
}

/** The readings of one partition in the order in which a simulator comes by them, in produces of one to three, with marks. */
function randomProduces(random: Random, readings: readonly Reading[], notInRun: Set<Reading>): Message[][] {
  const bySource = new Map<string, Reading[]>();
  for (const reading of readings) {
    const key = `${reading.device}/${reading.src}`;
    bySource.set(key, [...(bySource.get(key) ?? []), reading]);
  }
  const messages: Message[] = [];
  const queues = [...bySource.values()];
  if (random.next() < 0.3) messages.push(skipBeginning(queues[0] as Reading[], 1 + random.below(2), notInRun));
  let greatestMs = 0;
  for (let left = queues.filter((queue) => queue.length > 0); left.length > 0; left = queues.filter((queue) => queue.length > 0)) {
    // The second source of a device begins when its first has ended.
    const ready = left.filter(
      ([head]) => !left.some(([other]) => other?.device === head?.device && (other?.src ?? '') < (head?.src ?? '')),
    );
    const reading = ready[random.below(ready.length)]?.shift() as Reading;
    greatestMs = Math.max(greatestMs, reading.timeMs);
    messages.push({ name: `${reading.device}${reading.src}.${reading.seq}`, message: { kind: 'reading', reading } });
    if (random.next() < 0.25) {
      messages.push({ name: `m${greatestMs}`, message: { kind: 'mark', mark: { timeMs: greatestMs, run: 'r', end: false, last: [] } } });
    }
  }
  const produces: Message[][] = [];
  while (messages.length > 0) produces.push(messages.splice(0, 1 + random.below(3)));
  produces.push([{ name: 'end', message: { kind: 'mark', mark: endMark(readings) } }]);
  return produces;
}

function skipBeginning(queue: Reading[], count: number, notInRun: Set<Reading>): Message {
  const skipped = queue.splice(0, count);
  for (const reading of skipped) notInRun.add(reading);
  const { household, device, src } = skipped[0] as Reading;
  return { name: `skip ${device}`, message: { kind: 'skip', range: { household, device, src, fromSeq: 1, toSeq: count } } };
}
