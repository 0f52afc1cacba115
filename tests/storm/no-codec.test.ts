/** What is left out for figures changes nothing but the time that it takes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NewRecord } from '../../common/broker/broker.ts';
import type { TopicMessage } from '../../common/messages.ts';
import { decodeTopicMessage } from '../../common/topic-codec.ts';
import { MessageLog, messageOf, MessageRecord } from '../doubles/message-log.ts';
import { MessageWire } from '../doubles/message-wire.ts';
import { VirtualLog } from '../doubles/virtual-log.ts';
import { type StormOptions, runStorm } from './storm.ts';

const DAY: StormOptions = { edges: 1, homes: 3, days: 0.1, speed: 500, store: 'memory', only: 'outages' };

describe('a storm of outages without a codec', () => {
  it('ends as with it, also where nobody may change what is on its way', { timeout: 120_000 }, async () => {
    let frozen = 0;
    const onMessage = <T>(message: T): T => {
      frozen++;
      return deeplyFrozen(message);
    };
    const [withCodec, without] = [await runStorm(7, DAY), await runStorm(7, { ...DAY, noCodec: true, onMessage })];
    assert.deepEqual([withCodec.findings, without.findings], [[], []]);
    assert.equal(without.hash, withCodec.hash);
    assert.deepEqual(without.verdicts, withCodec.verdicts);
    assert.ok((without.verdicts.get('stored') ?? 0) > 1_000 && without.faults.size > 0);
    assert.ok(frozen > 20, `${frozen} messages were frozen`);
  });

  it('has a link that keeps its order: of what is not lost nothing is refused as a gap', { timeout: 120_000 }, async () => {
    for (const seed of [1, 2]) {
      const { findings, verdicts } = await runStorm(seed, { ...DAY, noCodec: true });
      assert.deepEqual([findings, [...verdicts.keys()]], [[], ['stored']], `seed ${seed}`);
    }
  });

  it('hands a message over for the payload that stands for it, and for no copy of that', () => {
    const wire = new MessageWire();
    const heartbeat = { edge: 'e', epoch: 'p', sentMs: 1, status: {} as never };
    const payload = wire.edge.encode({ kind: 'heartbeat', heartbeat });
    assert.deepEqual(wire.cloud.decode(payload), { kind: 'heartbeat', heartbeat });
    assert.throws(() => wire.cloud.decode(Buffer.from(payload)), /stands for no message/);
    assert.throws(() => wire.edge.decode(payload), /stands for no message/, 'a request is no reply');
  });
});

describe('a log of messages', () => {
  const make = (number: number): TopicMessage =>
    number % 3 === 0
      ? { kind: 'mark', mark: { timeMs: number, run: 'r', end: false, last: [] } }
      : { kind: 'reading', reading: { household: 'h', device: 'd', src: 's', seq: number, timeMs: number, values: { power: number } } };
  const bytesOf = ({ key, value }: NewRecord): NewRecord => ({ key, value });

  it('holds what one of bytes holds, in the same places', () => {
    const step = fc.record({
      append: fc.integer({ min: 1, max: 9 }),
      from: fc.nat(40),
      to: fc.nat(60),
      limit: fc.nat(12),
      below: fc.nat(30),
    });
    const check = fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const [messages, bytes] = [new MessageLog('log'), new VirtualLog('log')];
      let made = 0;
      for (const { append, from, to, limit, below } of steps) {
        const records = Array.from({ length: append }, () => new MessageRecord(make, ++made));
        messages.append(records);
        bytes.append(records.map(bytesOf));
        const read = [messages, bytes].map((log) => log.read(from, to, limit).map(({ offset, key, value }) => [offset, key, value]));
        assert.deepEqual(read[0], read[1]);
        if (below % 4 === 0) for (const log of [messages, bytes]) log.deleteBelow(below);
        assert.deepEqual([messages.earliestOffset, messages.endOffset], [bytes.earliestOffset, bytes.endOffset]);
      }
      for (const record of messages.records) assert.deepEqual(messageOf(record), decodeTopicMessage(record.value));
    });
    fc.assert(check, { numRuns: 200 });
  });
});

function deeplyFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const its of Object.values(value)) deeplyFrozen(its);
  return value;
}
