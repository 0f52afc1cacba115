/** The broker suite's tests of: several processes on one broker, and kill -9 among them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../common/clock.ts';
import type { ChildBroker, ChildTask } from './broker-child.ts';
import { type BrokerHarness, TOPIC, texts, startsAt, assertNumbered, runsOf, collect, newGate, waitFor } from './broker-probes.ts';

export async function idleConsumerHears({ broker, child }: BrokerHarness): Promise<void> {
  const collector = collect(broker, startsAt(0, 0, 0));
  const producer = await startProducer(child, { partition: 1, recordsPerAppend: 2, appendsPerRound: 1 });
  for (let round = 1; round <= 5; round++) {
    producer.go();
    await collector.until(2 * round);
    // Long enough that the consumer has gone to sleep again.
    await systemClock.sleep(30);
  }
  await producer.end();
  await collector.stop();
  assert.deepEqual(
    collector.records(1).map(({ value }) => value.toString()),
    Array.from({ length: 10 }, (_, i) => `first:${i}`),
  );
}

export async function twoProcessesAppend({ broker, child }: BrokerHarness): Promise<void> {
  const shape = { partition: 0, recordsPerAppend: 7, appendsPerRound: 150 };
  const producers = await Promise.all([
    startProducer(child, { ...shape, tag: 'first' }),
    startProducer(child, { ...shape, tag: 'second' }),
  ]);
  const collector = collect(broker, startsAt(0));
  for (const producer of producers) producer.go();
  await collector.until(2 * 7 * 150);
  for (const producer of producers) await producer.end();
  await collector.stop();
  const records = collector.records(0);
  assertNumbered(records, 'first', 7 * 150);
  assertNumbered(records, 'second', 7 * 150);
  assert.deepEqual(
    records.map(({ offset }) => offset),
    records.map((_, i) => i),
  );
  const runs = runsOf(records);
  assert.ok(
    runs.every((run) => run % 7 === 0),
    'appends are not mixed',
  );
  assert.ok(runs.length > 2, 'the two processes did append at the same time');
  const acked = producers.flatMap((producer) => producer.acked);
  assert.deepEqual(
    acked.sort((a, b) => a - b),
    Array.from({ length: 300 }, (_, i) => 7 * i),
  );
}

export async function killLeavesWholeAppends({ broker, child }: BrokerHarness): Promise<void> {
  const size = 137;
  let end = 0;
  for (const acksBeforeKill of [1, 4, 9]) {
    const producer = await startProducer(child, { partition: 0, recordsPerAppend: size, appendsPerRound: 100_000 });
    producer.go();
    await waitFor(() => producer.acked.length >= acksBeforeKill);
    await producer.kill();
    const { endOffset } = await broker.logState(TOPIC, 0);
    assert.equal((endOffset - end) % size, 0, 'no part of an append is left');
    const records = await broker.read(TOPIC, 0, end, Infinity, Number.MAX_SAFE_INTEGER);
    assert.equal(records.length, endOffset - end);
    assertNumbered(records, 'first', records.length);
    assert.ok(records.length >= acksBeforeKill * size);
    for (const offset of producer.acked) assert.ok(offset + size <= endOffset, 'an acknowledged append is lost');
    assert.deepEqual(await broker.append(TOPIC, 0, texts('between', 1)), { baseOffset: endOffset });
    end = endOffset + 1;
  }
}

interface Producer {
  /** First offsets of the appends acknowledged so far. */
  acked: number[];
  go(): void;
  end(): Promise<void>;
  kill(): Promise<void>;
}

const CHILD = fileURLToPath(new URL('broker-child.ts', import.meta.url));

async function startProducer(child: ChildBroker, task: Partial<ChildTask>): Promise<Producer> {
  const whole = { topic: TOPIC, partitions: 3, tag: 'first', ...task };
  const args = ['--import', 'tsx', CHILD, JSON.stringify(child), JSON.stringify(whole)];
  const running: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(running, 'exit');
  const acked: number[] = [];
  const ready = newGate();
  const lines = createInterface({ input: running.stdout as NodeJS.ReadableStream });
  lines.on('line', (line) => (line === 'ready' ? ready.open() : acked.push(Number(line.split(' ')[1]))));
  const closed = once(lines, 'close');
  await Promise.race([ready.opened, exited.then(([code]) => assert.fail(`the producer ended with ${String(code)} before it was ready`))]);
  return {
    acked,
    go: () => running.stdin?.write('go\n'),
    end: async () => {
      running.stdin?.end('end\n');
      const [code] = (await exited) as [number | null];
      await closed;
      assert.equal(code, 0);
    },
    kill: async () => {
      running.kill('SIGKILL');
      await exited;
      await closed;
    },
  };
}
