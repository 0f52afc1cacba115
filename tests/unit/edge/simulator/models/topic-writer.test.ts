/**
 * What is in the topic after any number of crashes: the accepted rows in order, marks and skips, and repeated only what was in
 * the one unacknowledged produce of each partition.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { type NewRecord, partitionOf, POWER_TOPIC } from '../../../../../common/broker/broker.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { armFailpoints, type Failpoint } from '../../../../../common/failpoints.ts';
import { silentLogger } from '../../../../../common/logger.ts';
import type { Mark, Reading, SeqRange } from '../../../../../common/messages.ts';
import { seededRandom } from '../../../../../common/random.ts';
import { decodeTopicMessage } from '../../../../../common/topic-codec.ts';
import { openHouseholdFolder } from '../../../../../edge/simulator/models/household-folder.ts';
import { TopicWriter } from '../../../../../edge/simulator/models/topic-writer.ts';
import { runScenario } from '../../../../../edge/simulator/scenario.ts';
import { type BrokerFates, KIND_FATES, VirtualBroker, VirtualTopics } from '../../../../doubles/virtual-broker.ts';
import { DAY_MS, row, TestFolder, trueRows } from './household-files.ts';

const PARTITIONS = 3;
const HOUSEHOLDS = ['home-1', 'home-2', 'home-3', 'home-4', 'home-5'];
const SECONDS = 1_000;
/** Simulated time 0. Not where a window ends. */
const T0_MS = DAY_MS - 2_000;

const data = new TestFolder();
for (const [i, household] of HOUSEHOLDS.entries()) data.write(`${household}.csv`, oddRows(i));
after(() => data.remove());

const states: string[] = [];
afterEach(() => {
  armFailpoints(undefined);
  for (const state of states.splice(0)) rmSync(state, { recursive: true, force: true });
});

function newState(): string {
  const state = mkdtempSync(join(tmpdir(), 'fogline-writer-'));
  states.push(state);
  return state;
}

/** About two rows a second for twelve minutes with late rows, rejected ones and a gap. */
function oddRows(household: number): string[] {
  const random = seededRandom(household + 1);
  const rows: string[] = [];
  for (let ms = 100 + random.below(900); ms < 720_000; ms += 300 + random.below(500)) {
    if (random.below(50) === 0) rows.push('no row');
    rows.push(row(random.below(20) === 0 ? Math.max(100, ms - 8_000) : ms, random.below(1_000_000)));
    if (random.below(400) === 0) ms += 31_000;
  }
  return rows;
}

/** Keeps what each produce of this process held. */
class WatchedBroker extends VirtualBroker {
  readonly produced: string[][][] = Array.from({ length: PARTITIONS }, () => []);
  override append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }> {
    this.produced[partition]!.push(records.map(({ value }) => value.toString()));
    return super.append(topic, partition, records);
  }
}

interface LifeOptions {
  state: string;
  topics: VirtualTopics;
  run?: string;
  startSeconds?: number;
  untilSeconds?: number;
  /** Dies at the n-th time this failpoint is reached. */
  crash?: { at: Failpoint; nth: number };
  fates?: BrokerFates;
  signal?: AbortSignal;
  bufferRecordsMax?: number;
  /** Loops the data. */
  passTicks?: number;
  without?: ReadonlySet<string>;
}

class Crash extends Error {}

interface Life {
  ended: 'done' | 'crashed' | 'stopped';
  produced: string[][][];
  published: number;
  resumedAt: number;
}

/** One process: from opening the resume points to the end mark, a stop or a crash. After a crash nothing of it acts any more. */
async function live(options: LifeOptions): Promise<Life> {
  const { state, topics, run = 'run-1', startSeconds = 0, untilSeconds = 722, crash, fates = KIND_FATES } = options;
  const signal = options.signal ?? new AbortController().signal;
  const broker = new WatchedBroker(topics, systemClock, fates);
  let reached = 0;
  let isDead = false;
  if (crash !== undefined) {
    armFailpoints((at) => {
      if (at === crash.at && ++reached >= crash.nth) isDead = true;
      if (isDead) throw new Crash();
    });
  }
  const endMs = T0_MS + untilSeconds * SECONDS;
  const writer = new TopicWriter({
    broker,
    topic: { partitions: PARTITIONS, retentionMs: 3_600_000 },
    stateFolder: state,
    run,
    t0Ms: T0_MS,
    markTicks: 5,
    passTicks: options.passTicks,
    bufferRecordsMax: options.bufferRecordsMax ?? 1_500,
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
    signal,
  });
  await writer.open();
  const resumedAt = writer.resumeTick;
  let ended: Life['ended'] = 'done';
  try {
    const { files } = await openHouseholdFolder(data.dir);
    const summary = await runScenario({
      files,
      household: {
        range: {
          t0Ms: T0_MS,
          startMs: T0_MS + startSeconds * SECONDS,
          endMs,
          passMs: options.passTicks === undefined ? undefined : options.passTicks * SECONDS,
        },
        households: files.length,
        firstPass: options.passTicks === undefined ? 0 : Math.floor(resumedAt / options.passTicks),
        onRejected: () => {},
        onOpenEnd: (household) => assert.fail(`${household} has an open end`),
        onParked: (household) => assert.fail(`${household} parked`),
      },
      writer,
      collectFile: undefined,
      untilTick: untilSeconds,
      rtFactor: 0,
      pacedFromTick: 0,
      clock: systemClock,
      logger: silentLogger,
      signal,
      progress: () => {},
    });
    if (summary.completed && !signal.aborted) await writer.end(endMs, options.without ?? new Set());
    else ended = 'stopped';
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    ended = 'crashed';
  }
  armFailpoints(undefined);
  await writer.stop();
  return { ended, produced: broker.produced, published: writer.published, resumedAt };
}

/** The values of a partition, in order. */
function valuesOf(topics: VirtualTopics, partition: number): string[] {
  return topics.log(POWER_TOPIC, partition).records.map(({ value }) => value.toString());
}

interface Content {
  readings: Map<string, Reading[]>;
  marks: Mark[][];
  skips: SeqRange[];
}

/** What the topic holds with repeated records taken out. */
function contentOf(topics: VirtualTopics): Content {
  const content: Content = { readings: new Map(), marks: [], skips: [] };
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const marks: Mark[] = [];
    for (const value of new Set(valuesOf(topics, partition))) {
      const message = decodeTopicMessage(Buffer.from(value));
      if (message.kind === 'reading') {
        const { household } = message.reading;
        assert.equal(partitionOf(household, PARTITIONS), partition);
        content.readings.set(household, [...(content.readings.get(household) ?? []), message.reading]);
      } else if (message.kind === 'mark') marks.push(message.mark);
      else if (message.kind === 'skip') content.skips.push(message.range);
      else assert.fail(message.reason);
    }
    content.marks.push(marks);
  }
  return content;
}

function assertContent(topics: VirtualTopics, fromSeconds = 0, untilSeconds = 722): Content {
  const content = contentOf(topics);
  for (const household of HOUSEHOLDS) {
    const rows = trueRows(data.path(`${household}.csv`)).map((row, i) => ({ ...row, seq: i + 1 }));
    const inRun = rows.filter(({ reachedMs }) => reachedMs >= T0_MS + fromSeconds * SECONDS && reachedMs < T0_MS + untilSeconds * SECONDS);
    assert.ok(inRun.length > 50);
    assert.deepEqual(
      content.readings.get(household)?.map(({ seq, timeMs, values }) => [seq, timeMs, values['power']]),
      inRun.map(({ seq, timeMs, powerMw }) => [seq, timeMs, powerMw / 1_000]),
      household,
    );
  }
  return content;
}

/**
 * What a life produced again was unacknowledged at the end of a life before it: in its last produce, and not produced since.
 * @returns how many records were produced again
 */
function assertRepeats(lives: readonly Life[]): number {
  let repeated = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const known = new Set<string>();
    let unacknowledged = new Set<string>();
    for (const life of lives) {
      const produces = life.produced[partition]!;
      const values = produces.flat();
      for (const value of values) {
        if (!known.has(value)) continue;
        repeated++;
        assert.ok(unacknowledged.has(value), `produced again although acknowledged: ${value}`);
      }
      for (const value of values) {
        known.add(value);
        unacknowledged.delete(value);
      }
      unacknowledged = new Set([...unacknowledged, ...(produces.at(-1) ?? [])]);
    }
  }
  return repeated;
}

describe('a whole run', () => {
  test('every accepted row once, in order; marks never before what is earlier; an end mark with the last seqs', async () => {
    const topics = new VirtualTopics();
    const life = await live({ state: newState(), topics });
    const { readings, marks, skips } = assertContent(topics);
    assert.equal(assertRepeats([life]), 0);
    assert.deepEqual(skips, []);
    assert.equal(life.published, [...readings.values()].flat().length);
    for (let partition = 0; partition < PARTITIONS; partition++) assertMarks(topics, partition, marks[partition]!);
  });

  function assertMarks(topics: VirtualTopics, partition: number, marks: readonly Mark[]): void {
    const end = marks.at(-1)!;
    assert.deepEqual(
      marks.map((mark) => mark.end),
      [...marks.slice(1).map(() => false), true],
    );
    assert.deepEqual([end.timeMs, end.run], [T0_MS + 722 * SECONDS, 'run-1']);
    const here = HOUSEHOLDS.filter((household) => partitionOf(household, PARTITIONS) === partition);
    const lastSeqs = here.map((household) => [household, 'meter', trueRows(data.path(`${household}.csv`)).length]);
    const told = end.last.map(({ household, device, seq }) => [household, device, seq]);
    assert.deepEqual(new Set(told.map(String)), new Set(lastSeqs.map(String)));
    assert.equal(told.length, lastSeqs.length);
    let marked = 0;
    const reached = new Map<string, number>();
    for (const value of valuesOf(topics, partition)) {
      const message = decodeTopicMessage(Buffer.from(value));
      if (message.kind === 'mark') {
        assert.ok(message.mark.end ? message.mark.timeMs >= marked : message.mark.timeMs > marked);
        assert.equal(message.mark.timeMs % 5_000, 0, 'marks lie where windows end');
        marked = message.mark.timeMs;
      } else if (message.kind === 'reading') {
        const { household, timeMs } = message.reading;
        reached.set(household, Math.max(timeMs, reached.get(household) ?? 0));
        assert.ok(reached.get(household)! >= marked, 'a reading before the mark came after it');
      }
    }
    assert.ok(marks.length > 100, `${marks.length} marks`);
  }

  test('a start leaves out what is before it as one skip in front of the first reading', async () => {
    const topics = new VirtualTopics();
    await live({ state: newState(), topics, startSeconds: 300, untilSeconds: 600 });
    const { skips, readings } = assertContent(topics, 300, 600);
    assert.equal(skips.length, HOUSEHOLDS.length);
    for (const { household, src, fromSeq, toSeq } of skips) {
      const [first] = readings.get(household)!;
      assert.deepEqual([src, fromSeq, toSeq], [first!.src, 1, first!.seq - 1]);
      const partition = valuesOf(topics, partitionOf(household, PARTITIONS));
      const at = (word: string) => partition.findIndex((value) => value.includes(`"${household}"`) && value.includes(word));
      assert.ok(at('"skip"') < at('"values"'));
    }
  });

  test('to 302 s and then to 720 s on the same state is the whole, and nothing twice', async () => {
    const topics = new VirtualTopics();
    const state = newState();
    const lives = [await live({ state, topics, run: 'first', untilSeconds: 302 }), await live({ state, topics, run: 'second' })];
    const { marks } = assertContent(topics);
    assert.equal(assertRepeats(lives), 0);
    for (const partition of marks)
      assert.deepEqual(
        partition.filter(({ end }) => end).map(({ run }) => run),
        ['first', 'second'],
      );
  });

  test('again after its end publishes nothing', async () => {
    const topics = new VirtualTopics();
    const state = newState();
    const first = await live({ state, topics });
    const again = await live({ state, topics });
    assert.deepEqual(again.produced.flat(), []);
    assert.equal(again.published, first.published);
  });

  test('a parked household is not in the end mark, the others are', async () => {
    const topics = new VirtualTopics();
    await live({ state: newState(), topics, without: new Set(['home-2']) });
    const named = contentOf(topics).marks.flatMap((marks) => marks.at(-1)!.last.map(({ household }) => household));
    assert.deepEqual(
      named.sort(),
      HOUSEHOLDS.filter((household) => household !== 'home-2'),
    );
  });

  test('a mark comes with the readings of the second before it, not a second later', async () => {
    const topics = new VirtualTopics();
    const untilSeconds = 302;
    assert.equal((T0_MS + untilSeconds * SECONDS) % 5_000, 0, 'it ends where a window ends');
    await live({ state: newState(), topics, untilSeconds });
    for (const marks of assertContent(topics, 0, untilSeconds).marks) {
      const endMs = T0_MS + untilSeconds * SECONDS;
      assert.deepEqual(
        marks.slice(-2).map(({ timeMs, end }) => ({ timeMs, end })),
        [
          { timeMs: endMs, end: false },
          { timeMs: endMs, end: true },
        ],
      );
    }
  });

  test('marks end with the readings: a run far beyond the data puts one, and its end', async () => {
    const topics = new VirtualTopics();
    await live({ state: newState(), topics, untilSeconds: 100_000_000 });
    for (const marks of assertContent(topics).marks) {
      const [last, end] = marks.slice(-2);
      assert.equal(end!.timeMs, T0_MS + 100_000_000 * SECONDS);
      assert.ok(last!.timeMs <= T0_MS + 780 * SECONDS, `the last mark before the end is at ${last!.timeMs - T0_MS} ms`);
    }
  });
});

describe('a loop', () => {
  const PASS_TICKS = 780;

  /** Sources in each resume file. */
  function sourcesKept(state: string): number[] {
    const files = readdirSync(state).filter((name) => name.startsWith('resume-'));
    assert.equal(files.length, PARTITIONS);
    return files.map((name) => (JSON.parse(readFileSync(join(state, name), 'utf8')) as { acked: unknown[] }).acked.length);
  }

  /** Each household's readings by source, in the order of the topic. */
  function assertPasses(topics: VirtualTopics, passes: number): void {
    const { readings } = contentOf(topics);
    for (const household of HOUSEHOLDS) {
      const rows = trueRows(data.path(`${household}.csv`));
      const bySource = new Map<string, Reading[]>();
      for (const reading of readings.get(household)!) bySource.set(reading.src, [...(bySource.get(reading.src) ?? []), reading]);
      assert.equal(bySource.size, passes);
      [...bySource.values()].forEach((its, pass) =>
        assert.deepEqual(
          its.map(({ seq, timeMs }) => [seq, timeMs]),
          rows.map(({ timeMs }, i) => [i + 1, timeMs + pass * PASS_TICKS * SECONDS]),
        ),
      );
    }
  }

  test('of many passes the resume points keep the last two, and the end mark names those', async () => {
    const topics = new VirtualTopics();
    const state = newState();
    const life = await live({ state, topics, passTicks: PASS_TICKS, untilSeconds: 6 * PASS_TICKS });
    assertPasses(topics, 6);
    assert.equal(assertRepeats([life]), 0);
    assert.deepEqual(
      sourcesKept(state).reduce((sum, count) => sum + count),
      2 * HOUSEHOLDS.length,
    );
    const named = contentOf(topics).marks.flatMap((marks) => marks.at(-1)!.last);
    assert.equal(named.length, 2 * HOUSEHOLDS.length);
    assert.deepEqual(new Set(named.map(({ household }) => household)), new Set(HOUSEHOLDS));
  });

  test('killed on the way again and again nothing acknowledged is published again', async () => {
    const topics = new VirtualTopics();
    const state = newState();
    const lives: Life[] = [];
    const untilSeconds = 5 * PASS_TICKS;
    for (const nth of [40, 25, 20, 20]) {
      const crash = { at: 'simulator_after_append_before_resume_save', nth } as const;
      lives.push(await live({ state, topics, crash, passTicks: PASS_TICKS, untilSeconds, bufferRecordsMax: 1_000 }));
      assert.equal(lives.at(-1)?.ended, 'crashed');
    }
    assert.ok(lives.at(-1)!.resumedAt > 2 * PASS_TICKS, `the crashes lie in later passes: ${lives.map((life) => life.resumedAt).join()}`);
    lives.push(await live({ state, topics, passTicks: PASS_TICKS, untilSeconds }));
    assertPasses(topics, 5);
    assert.ok(assertRepeats(lives) > 0);
    assert.ok(sourcesKept(state).reduce((sum, count) => sum + count) <= 2 * HOUSEHOLDS.length);
  });
});

describe('crashes', () => {
  const FAILPOINTS: Failpoint[] = ['simulator_before_append', 'simulator_after_append_before_resume_save', 'simulator_after_resume_save'];
  for (const at of FAILPOINTS) {
    test(`at ${at}, once and again`, async () => {
      let repeatedInAll = 0;
      for (const nths of [[1], [2, 1], [4, 3, 2, 1], [7, 5]]) {
        const topics = new VirtualTopics();
        const state = newState();
        const lives: Life[] = [];
        for (const nth of nths) {
          const life = await live({ state, topics, crash: { at, nth }, bufferRecordsMax: 1_000 });
          assert.equal(life.ended, 'crashed', `${at} was not reached ${nth} times`);
          lives.push(life);
        }
        lives.push(await live({ state, topics }));
        assertContent(topics);
        repeatedInAll += assertRepeats(lives);
        const counts = lives.map(({ resumedAt }) => resumedAt);
        assert.deepEqual(
          counts,
          [...counts].sort((a, b) => a - b),
          'a restarted run resumes no earlier',
        );
      }
      // Elsewhere another partition may be between append and save at that moment, or none.
      if (at === 'simulator_after_append_before_resume_save')
        assert.ok(repeatedInAll > 0, 'nothing was repeated, so the check of it was empty');
    });
  }

  test('stopped by a signal, then gone on with', async () => {
    const topics = new VirtualTopics();
    const state = newState();
    const stop = new AbortController();
    let appends = 0;
    const fates: BrokerFates = {
      delayMs: () => 0,
      call: (kind) => {
        if (kind === 'append' && ++appends === 5) stop.abort();
        return 'served';
      },
    };
    const lives = [await live({ state, topics, fates, signal: stop.signal, bufferRecordsMax: 1_000 })];
    assert.equal(lives[0]!.ended, 'stopped');
    lives.push(await live({ state, topics }));
    assertContent(topics);
    assertRepeats(lives);
  });
});

describe('the broker', () => {
  test('refusing and losing answers: everything arrives, repeated by the produce', async () => {
    const topics = new VirtualTopics();
    const random = seededRandom(3);
    const fates: BrokerFates = {
      delayMs: () => 0,
      call: (kind) => (kind === 'other' ? 'served' : (['served', 'served', 'refused', 'lost'] as const)[random.below(4)]!),
    };
    const life = await live({ state: newState(), topics, fates });
    assert.equal(life.ended, 'done');
    assertContent(topics);
  });

  test('a log that was replaced gets everything again', async () => {
    const topics = new VirtualTopics();
    const state = newState();
    await live({ state, topics, run: 'first', untilSeconds: 400 });
    topics.replace(POWER_TOPIC);
    await live({ state, topics, run: 'second' });
    assertContent(topics);
  });

  test('a resume point that can not be read costs a repetition, nothing else', async () => {
    const topics = new VirtualTopics();
    const state = newState();
    await live({ state, topics, run: 'first', untilSeconds: 400 });
    const files = readdirSync(state).filter((name) => name.startsWith('resume-'));
    assert.equal(files.length, PARTITIONS);
    assert.ok(readFileSync(join(state, files[0]!), 'utf8').length > 0);
    writeFileSync(join(state, files[0]!), '{"version":1,');
    await live({ state, topics, run: 'second' });
    assertContent(topics);
  });
});
