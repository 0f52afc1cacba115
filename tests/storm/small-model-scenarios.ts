/** What the small model explores: little data, few faults, every interleaving. */
import { partitionOf } from '../../common/broker/broker.ts';
import type { Mark, Reading } from '../../common/messages.ts';
import type { Budget, Message, Scenario } from './small-model-world.ts';

const WINDOW_MS = 5;
/** In partition 0 of 2 and of 1. */
const HOUSEHOLD = 'h1';
const DEVICES = ['a', 'b'] as const;

/** The times of each device's readings; the produces name readings by device and seq, `m5` is a mark, `s` skips a1. */
interface Data {
  times: Readonly<Record<string, readonly number[]>>;
  produces: readonly string[];
}

const DATA = {
  /** Four readings, two windows, no marks but the last. */
  plain: { times: { a: [0, 1, 6, 7] }, produces: ['a1 a2', 'a3 a4', 'end'] },
  marked: { times: { a: [0, 1, 6, 7] }, produces: ['a1 a2', 'm5 a3', 'a4', 'end'] },
  /** The third belongs into the first window. */
  late: { times: { a: [0, 6, 1, 7] }, produces: ['a1 a2', 'a3 a4', 'end'] },
  /** The run begins with the second reading. */
  skipped: { times: { a: [0, 1, 6, 7] }, produces: ['s a2', 'a3 a4', 'end'] },
  twoDevices: { times: { a: [0, 6], b: [1, 7] }, produces: ['a1 b1', 'a2 b2', 'end'] },
  /** All of it lies in the log from the first moment on. */
  atOnce: { times: { a: [0, 1, 6, 7] }, produces: ['a1 a2 a3 a4 end'] },
  lateAtOnce: { times: { a: [0, 6, 1, 7] }, produces: ['a1 a2 a3 a4 end'] },
  three: { times: { a: [0, 1, 6] }, produces: ['a1 a2 a3', 'end'] },
  threeAtOnce: { times: { a: [0, 1, 6] }, produces: ['a1 a2 a3 end'] },
  twoAtOnce: { times: { a: [0, 6] }, produces: ['a1 a2 end'] },
  devicesAtOnce: { times: { a: [0, 6], b: [1, 7] }, produces: ['a1 b1 a2 b2 end'] },
  twoFine: { times: { a: [0, 6] }, produces: ['a1', 'a2', 'end'] },
  threeFine: { times: { a: [0, 1, 6] }, produces: ['a1', 'a2', 'a3', 'end'] },
  /** A file that is replaced by a later one of the same device. */
  twoSources: { times: { a: [0, 1], 'a.2': [6, 7] }, produces: ['a1 a2', 'a.21 a.22', 'end'] },
} satisfies Record<string, Data>;

/** Everything in the budget may happen, in any order and number up to it. */
export function scenario(data: keyof typeof DATA, budget: Budget, options: Partial<Scenario> = {}): Scenario {
  const { readings, produces, notInRun } = build(DATA[data]);
  return {
    name: `${data}: ${nameOf(budget)}`,
    windowMs: WINDOW_MS,
    partitionOf: (household) => partitionOf(household, 1),
    produces: [produces],
    readings,
    notInRun,
    rowsPerRequest: 1,
    requestsInFlight: 2,
    refillReadingsMax: Number.POSITIVE_INFINITY,
    budget,
    looksAtOffsets: (budget.retention ?? 0) > 0,
    isOverWire: false,
    looksAtLives: true,
    ...options,
  };
}

function nameOf(budget: Budget): string {
  const faults = Object.entries(budget).map(([fault, count]) => (count === 1 ? fault : `${count} × ${fault}`));
  return faults.join(', ') || 'no fault';
}

function build({ times, produces }: Data): { readings: Reading[]; produces: Message[][]; notInRun: Set<Reading> } {
  const readings: Reading[] = [];
  for (const [name, list] of Object.entries(times)) {
    const [device, src = '1'] = name.split('.') as [string, string?];
    list.forEach((timeMs, i) =>
      readings.push({ household: HOUSEHOLD, device, src: `s${src}`, seq: i + 1, timeMs, values: { power: 4 ** i } }),
    );
  }
  const notInRun = new Set<Reading>();
  const messageOf = (name: string): Message => {
    if (name === 'end') return { name, message: { kind: 'mark', mark: endMark(readings) } };
    if (name.startsWith('m'))
      return { name, message: { kind: 'mark', mark: { timeMs: Number(name.slice(1)), run: 'r', end: false, last: [] } } };
    if (name === 's') {
      notInRun.add(readings[0] as Reading);
      return { name, message: { kind: 'skip', range: { household: HOUSEHOLD, device: DEVICES[0], src: 's1', fromSeq: 1, toSeq: 1 } } };
    }
    const [device, src] = [name.slice(0, 1), name.includes('.') ? `s${name.slice(2, -1)}` : 's1'];
    const reading = readings.find((other) => other.device === device && other.src === src && other.seq === Number(name.slice(-1)));
    if (reading === undefined) throw new Error(`no reading ${name}`);
    return { name, message: { kind: 'reading', reading } };
  };
  return { readings, produces: produces.map((produce) => produce.split(' ').map(messageOf)), notInRun };
}

export function endMark(readings: readonly Reading[]): Mark {
  const last = new Map<string, Reading>();
  for (const reading of readings) last.set(`${reading.device}/${reading.src}`, reading);
  const timeMs = Math.max(...readings.map((reading) => reading.timeMs)) + 1;
  return {
    timeMs,
    run: 'r',
    end: true,
    last: [...last.values()].map(({ household, device, src, seq }) => ({ household, device, src, seq })),
  };
}
