import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Reading } from '../../../../common/messages.ts';
import {
  addDigest,
  addReadingDigest,
  type Digest,
  digestFromHex,
  digestToHex,
  isDigest,
  textDigest,
} from '../../../../common/protocol/digest.ts';
import { sourceKey } from '../../../../common/ids.ts';
import { cutIntoParts } from '../../../../common/protocol/window.ts';
import { decodeTopicMessage, encodeReading } from '../../../../common/topic-codec.ts';
import { anyReadings, hexSum } from './any-readings.ts';

const READING: Reading = {
  household: 'h1',
  device: 'meter',
  src: '1f00c2aa',
  seq: 7,
  timeMs: 1_577_145_601_982,
  values: { power: 249.05, energy: 9_082.3166859 },
};

function digestOf(...readings: Reading[]): string {
  const sum = { high: 0, low: 0 };
  for (const { household, device, src, seq, timeMs, values } of readings) {
    addReadingDigest(sum, textDigest(sourceKey(household, device, src)), seq, timeMs, values);
  }
  return digestToHex(sum);
}

/** Computed by a second program, from the description in digest.ts. */
test('digests that are stored stay what they are', () => {
  const table: [Reading, string][] = [
    [READING, '26110f372448dfd1'],
    [{ ...READING, values: { power: 0 } }, '883a6dd1fdc5c7a0'],
    [{ ...READING, seq: 1, timeMs: 0, values: { power: -1.5 } }, '5af2953838959d38'],
    [{ ...READING, timeMs: -1, values: { power: 1e300, power1: 5e-324 } }, '5bbe1953a6098aa4'],
  ];
  for (const [reading, digest] of table) assert.equal(digestOf(reading), digest);
  assert.equal(digestOf(...table.map(([reading]) => reading)), '64fc2b9500adcf4d');
});

test('every input changes both halves of the digest', () => {
  const power = READING.values['power'] as number;
  const others: Record<string, Reading> = {
    household: { ...READING, household: 'h2' },
    device: { ...READING, device: 'meter2' },
    src: { ...READING, src: '1f00c2ab' },
    'device and household swapped': { ...READING, household: 'meter', device: 'h1' },
    seq: { ...READING, seq: 8 },
    'one ms': { ...READING, timeMs: READING.timeMs + 1 },
    'the high word of the time': { ...READING, timeMs: READING.timeMs + 2 ** 32 },
    'one mW': { ...READING, values: { ...READING.values, power: power + 0.001 } },
    'the last bit': { ...READING, values: { ...READING.values, power: nextDouble(power) } },
    sign: { ...READING, values: { ...READING.values, power: -power } },
    'a field more': { ...READING, values: { ...READING.values, power1: 0 } },
    'a field less': { ...READING, values: { power } },
    'a field renamed': { ...READING, values: { power1: power, energy: READING.values['energy'] as number } },
    'values swapped': { ...READING, values: { power: READING.values['energy'] as number, energy: power } },
  };
  const digest = digestOf(READING);
  for (const [what, other] of Object.entries(others)) {
    const changed = digestOf(other);
    assert.notEqual(changed.slice(0, 8), digest.slice(0, 8), what);
    assert.notEqual(changed.slice(8), digest.slice(8), what);
  }
});

test('a value that differs by 1 mW is seen wherever it lies', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50_000_000, max: 50_000_000 }), fc.integer({ min: 1, max: 1e9 }), (mw, seq) => {
      const one = { ...READING, seq, values: { power: mw / 1_000 } };
      assert.notEqual(digestOf(one), digestOf({ ...one, values: { power: (mw + 1) / 1_000 } }));
    }),
    { numRuns: 2_000 },
  );
});

test('the order of fields does not matter', () => {
  const { power, energy } = READING.values as { power: number; energy: number };
  assert.equal(digestOf({ ...READING, values: { energy, power } }), digestOf({ ...READING, values: { power, energy } }));
});

test('a reading has the same digest after it went through the topic, -0 too', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), (value, timeMs) => {
      const reading = { ...READING, timeMs, values: { power: value, energy: -0 } };
      const message = decodeTopicMessage(encodeReading(reading));
      assert(message.kind === 'reading');
      assert.equal(digestOf(message.reading), digestOf(reading));
    }),
  );
});

test('digests add, over any cutting and any order', () => {
  fc.assert(
    fc.property(anyReadings, fc.integer({ min: 1, max: 60 }), fc.infiniteStream(fc.nat()), (readings, windowMs, order) => {
      const whole = digestOf(...readings);
      const parts = cutIntoParts(readings, windowMs);
      assert.equal(hexSum(parts.map(({ digest }) => digest)), whole);
      const shuffled = [...readings].map((reading) => ({ reading, key: order.next().value as number }));
      shuffled.sort((a, b) => a.key - b.key);
      assert.equal(digestOf(...shuffled.map(({ reading }) => reading)), whole);
    }),
  );
});

test('sums are mod 2^64, with the carry from the low word', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(word, word, word, word, (high, low, addedHigh, addedLow) => {
      const sum: Digest = { high, low };
      addDigest(sum, addedHigh | 0, addedLow | 0);
      const expected = BigInt.asUintN(64, (BigInt(high) << 32n) + BigInt(low) + (BigInt(addedHigh) << 32n) + BigInt(addedLow));
      assert.equal(digestToHex(sum), expected.toString(16).padStart(16, '0'));
    }),
  );
});

test('hex comes back as the same digest', () => {
  for (const hex of ['0000000000000000', '0123456789abcdef', '00000001ffffffff', 'ffffffff00000001', 'ffffffffffffffff']) {
    assert.equal(digestToHex(digestFromHex(hex)), hex);
    assert.ok(isDigest(hex), hex);
  }
});

test('what is no digest is none of any reading', () => {
  for (const text of [
    '',
    '00000001',
    'g000000000000000',
    '000000000000000:',
    '/000000000000000',
    'A000000000000000',
    '0000000 00000000',
    'W000000000000000',
    '000000000000000`',
  ]) {
    const { high, low } = digestFromHex(text);
    assert.ok(Number.isNaN(high) || Number.isNaN(low), text);
    assert.ok(!isDigest(text), text);
  }
  assert.ok(!isDigest('00000000000000000'));
});

function nextDouble(value: number): number {
  const double = new Float64Array([value]);
  new BigUint64Array(double.buffer)[0]! += 1n;
  return double[0] as number;
}
