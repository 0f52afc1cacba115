import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH_RECORDS_MAX, type NewRecord, POWER_TOPIC } from '../../../../common/broker/broker.ts';
import type { LinkHandler } from '../../../../common/link/link.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { type Reading, RECORD_BYTES_MAX } from '../../../../common/messages.ts';
import { decodeTopicMessage, encodeMark, encodeReading } from '../../../../common/topic-codec.ts';
import { EdgeStore } from '../../../../edge/server/edge-store.ts';
import { Intake } from '../../../../edge/server/intake.ts';
import { listUnreadable, withOutbox } from '../../../../edge/server/parked-households.ts';
import { decodeRequest } from '../../../../common/wire.ts';
import { KIND_FATES, VirtualBroker, VirtualTopics } from '../../../doubles/virtual-broker.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';
import { VirtualLog } from '../../../doubles/virtual-log.ts';
import { BASE_MS, readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';

async function withSite(options: ConstructorParameters<typeof VirtualSite>[0], run: (site: VirtualSite) => Promise<void>): Promise<void> {
  const site = new VirtualSite(options);
  try {
    await run(site);
    assert.deepEqual(site.errors, []);
  } finally {
    site.end();
  }
}

const WINDOW_MS = 5_000;

function recordOf(reading: Reading): NewRecord {
  return { key: reading.household, value: encodeReading(reading) };
}

/** Closes what is open; the run goes on. */
const MARK: NewRecord = { key: null, value: encodeMark({ timeMs: BASE_MS + 1_000_000_000, run: 'r', end: false, last: [] }) };

/** `perWindow` readings in each window. Windows lie kilowatts apart, up and down: nothing of an earlier one can hide in a later one. */
function unlike(household: string, from: number, to: number, perWindow: number): Reading[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const index = from + i - 1;
    const [window, place] = [Math.floor(index / perWindow), index % perWindow];
    const power = ((window * 7) % 20) * 1_000 + place * place + household.length / 8;
    return { household, device: 'meter', src: 'src1', seq: index + 1, timeMs: BASE_MS + window * WINDOW_MS + place, values: { power } };
  });
}

type Window = [household: string, startMs: number, count: number, mean: number, min: number, max: number, first: number, last: number];

/** By the definition: a window's figures come from the readings in it. */
function trueWindows(readings: readonly Reading[]): Window[] {
  const groups = new Map<string, number[]>();
  for (const { household, timeMs, values } of readings) {
    const key = `${household} ${timeMs - (timeMs % WINDOW_MS)}`;
    groups.set(key, [...(groups.get(key) ?? []), values['power'] as number]);
  }
  return [...groups].map(([key, powers]) => {
    const [household = '', startMs] = key.split(' ');
    const mean = powers.reduce((sum, power) => sum + power, 0) / powers.length;
    const [first, last] = [powers[0] as number, powers.at(-1) as number];
    return [household, Number(startMs), powers.length, mean, Math.min(...powers), Math.max(...powers), first, last];
  });
}

async function heldWindows(site: VirtualSite): Promise<Window[]> {
  const windows: Window[] = [];
  for await (const { household, startMs, count, mean, min, max, first, last } of site.cloud.reading.range({ resolution: 'raw' }))
    windows.push([household, startMs, count, mean, min, max, first, last]);
  return windows;
}

test('every record of a poll is taken, not the first ones, the last ones or one of each household', async () => {
  await withSite({}, async (site) => {
    const polls: number[] = [];
    const read = site.topics.read.bind(site.topics);
    site.topics.read = (...place) => {
      const records = read(...place);
      polls.push(records.length);
      return records;
    };
    // Three households in turn, two full polls and a half one; each is unknown to the cloud when its first record comes.
    const perHousehold = Math.ceil((2.5 * BATCH_RECORDS_MAX) / 3);
    const homes = ['a', 'bb', 'ccc'].map((household) => unlike(household, 1, perHousehold, 4));
    const records = Array.from({ length: perHousehold }, (_, i) => homes.map((readings) => recordOf(readings[i] as Reading))).flat();
    site.append([...records, MARK]);
    await site.start();
    await site.clock.advance(60_000);
    assert.ok(polls.filter((length) => length === BATCH_RECORDS_MAX).length >= 2, 'two polls were full');
    for (const household of ['a', 'bb', 'ccc']) {
      const { covered, declared, readings } = site.held(household);
      assert.deepEqual({ covered, declared, readings }, { covered: [[1, perHousehold]], declared: [], readings: perHousehold });
    }
    assert.deepEqual(await heldWindows(site), trueWindows(homes.flat()));
    assert.ok(!site.lines.some((line) => line.includes('hole in the seqs')), 'nothing was passed over and fetched again');
    assert.equal(site.edge.running?.store.ledgerStore.positions.get(0)?.nextOffset, records.length + 1);
  });
});

test('new households of one batch are asked for together, not by a hello each', async () => {
  await withSite({ topic: { partitions: 1, retentionMs: 0 } }, async (site) => {
    await site.start();
    const served = site.network.handler as LinkHandler;
    let hellos = 0;
    site.network.handler = (payload, peer) => {
      if (decodeRequest(payload).kind === 'hello') hellos++;
      return served(payload, peer);
    };
    const homes = Array.from({ length: 60 }, (_, i) => `home-${i}`);
    for (const home of homes) site.produce(home, 1, 2);
    await site.until(() => site.edge.status()?.households === homes.length, 60_000);
    assert.ok(hellos > 0 && hellos <= 4, `${hellos} hellos`);
  });
});

test('an edge that is told to stop just when a household without a generation turns up waits for nobody', async () => {
  const [clock, topics] = [new VirtualClock(), new VirtualTopics()];
  topics.ensure(POWER_TOPIC, 1);
  topics.append(POWER_TOPIC, 0, unlike('home', 1, 10, 1).map(recordOf));
  const store = new EdgeStore({ folder: ':memory:', quotaBytes: 1 << 26, windowMs: WINDOW_MS });
  const stop = new AbortController();
  store.start();
  try {
    let decoded = 0;
    const intake = new Intake({
      broker: new VirtualBroker(topics, clock, KIND_FATES),
      store,
      clock,
      logger: silentLogger,
      idleCloseMs: 60_000,
      decode: ({ value }) => {
        decoded++;
        stop.abort();
        return decodeTopicMessage(value);
      },
      onRows: () => undefined,
      giveWay: () => Promise.resolve(),
      onUnassigned: () => undefined,
    });
    await intake.run(stop.signal);
    assert.ok(decoded > 0);
  } finally {
    store.stop();
  }
});

test('a window is averaged from its own readings only, not over everything since the start', async () => {
  await withSite({}, async (site) => {
    const [one, other] = [unlike('a', 1, 60, 3), unlike('bb', 1, 60, 3)];
    await site.start();
    // Polls that end inside windows, a restart inside a window, and another household between.
    for (let at = 0; at < 60; at += 5) {
      site.append([...one.slice(at, at + 5), ...other.slice(at, at + 5)].map(recordOf));
      await site.clock.advance(2_000);
      if (at !== 25) continue;
      site.edge.kill();
      site.edge.start();
    }
    site.append([MARK]);
    await site.clock.advance(10_000);
    const held = await heldWindows(site);
    assert.equal(held.length, 40);
    assert.deepEqual(held, trueWindows([...one, ...other]));
    // The first and the last window in plain numbers; the mean of all would be 9,501.8 W.
    assert.deepEqual(
      [held[0]?.[3], held[19]?.[3]].map((mean) => Math.round((mean as number) * 10) / 10),
      [1.8, 13_001.8],
    );
  });
});

test('a replaced log is read from its beginning, also when another change fails before its first record is taken', async () => {
  let delayMs = 0;
  await withSite({ brokerFates: { delayMs: () => delayMs, call: () => 'served' } }, async (site) => {
    await site.start();
    site.produce('home', 1, 50);
    await site.clock.advance(10_000);
    delayMs = 100;
    site.topics.replace(POWER_TOPIC);
    site.produce('other', 1, 9);
    for (let i = 0; !site.lines.some((line) => line.startsWith('the log was replaced')); i++) {
      assert.ok(i < 1_000, 'the replaced log was never seen');
      await site.clock.advance(10);
    }
    const store = site.edge.running?.store;
    await store?.exclusive(async () => store.reload());
    await site.clock.advance(30_000);
    assert.deepEqual(site.held('other').covered, [[1, 8]]);
  });
});

for (const [what, first, second] of [
  ['shorter', 3, 4],
  ['as long, with other records in it', 4, 12],
] as const) {
  test(`R2: a log that has kept its id and is ${what} (its broker was set back) is read from its beginning`, async () => {
    await withSite({}, async (site) => {
      await site.start();
      site.produce('home', 1, 10);
      await site.clock.advance(120_000);
      assert.deepEqual(site.held('home').covered, [[1, 10]]);
      site.edge.kill();
      site.topics.partitions(POWER_TOPIC)[0] = new VirtualLog(site.topics.log(POWER_TOPIC, 0).logId);
      // All of the first lies below the saved offset, and no record of it comes after that.
      site.produce('first', 1, first);
      site.produce('second', 1, second);
      site.edge.start();
      await site.clock.advance(180_000);
      assert.deepEqual(site.errors, []);
      assert.deepEqual([site.held('first').covered, site.held('second').covered], [[[1, first]], [[1, second]]]);
    });
  });
}

test('an unreadable record of a replaced log is kept and counted too, at the offset of one of the old log', async () => {
  await withSite({}, async (site) => {
    await site.start();
    site.append([{ key: null, value: Buffer.from('garbage of the old log') }]);
    await site.clock.advance(10_000);
    site.topics.replace(POWER_TOPIC);
    site.append([{ key: null, value: Buffer.from('garbage of the new log') }]);
    await site.clock.advance(30_000);
    const { count, last } = withOutbox(site.edge.stateFolder, (database) => listUnreadable(database, 10));
    assert.equal(count, 2);
    assert.deepEqual(last.map(({ offset, record }) => `${offset} ${record}`).sort(), [
      '0 garbage of the new log',
      '0 garbage of the old log',
    ]);
  });
});

test('a backlog that closes more parts than the quota holds is taken in pieces', async () => {
  await withSite({ quotaBytes: 20 * 8_192 }, async (site) => {
    site.produce('home', 1, 900);
    await site.start();
    site.endRun([{ household: 'home', device: 'meter', src: 'src1', seq: 900 }]);
    await site.clock.advance(300_000);
    assert.deepEqual(site.held('home').covered, [[1, 900]]);
    assert.equal(site.edge.status()?.outboxFull, false);
  });
});

test('a reading with an absurd seq holds up nobody', { timeout: 120_000 }, async () => {
  await withSite({}, async (site) => {
    await site.start();
    site.produce('home', 1, 3);
    site.append([{ key: 'home', value: encodeReading({ ...readingOf('home', 4), seq: Number.MAX_SAFE_INTEGER }) }]);
    site.produce('home', 4, 6);
    site.produce('other', 1, 6);
    await site.clock.advance(30_000);
    assert.deepEqual(site.held('other').covered, [[1, 5]]);
    // The reading is taken at its word; what lies behind it in the log was found when its hole was searched.
    assert.deepEqual(site.held('home').covered[0], [1, 6]);
    assert.deepEqual(site.held('home').declared, [{ from: 7, to: Number.MAX_SAFE_INTEGER - 1, reason: 'missing in the log' }]);
  });
});

test('records that nobody can use are parked with their offset, and what is around them arrives', async () => {
  const future = JSON.stringify({ ...JSON.parse(encodeReading(readingOf('home', 3)).toString()), v: 2 });
  const bad: [string, RegExp][] = [
    ['\u0000\u0001 no JSON', /not JSON/],
    [JSON.stringify({ time: '2019-12-24', meterusage: 12 }), /version undefined, this edge reads 1/],
    [JSON.stringify({ v: 1, device_id: 'meter-7', power: 249 }), /household, device or src is not an id/],
    [`{"v":1,"note":"${'x'.repeat(RECORD_BYTES_MAX)}"}`, /record of \d+ bytes, at most 900000 are read/],
    [future, /version 2, this edge reads 1/],
    ['', /not JSON/],
  ];
  await withSite({}, async (site) => {
    await site.start();
    const offsets: number[] = [];
    let offset = 0;
    for (const [i, [value]] of bad.entries()) {
      site.produce('home', i + 1, i + 1);
      site.append([{ key: i % 2 === 0 ? 'home' : null, value: Buffer.from(value) }]);
      offsets.push(offset + 1);
      offset += 2;
    }
    site.append([MARK]);
    await site.clock.advance(30_000);
    assert.deepEqual(site.held('home').covered, [[1, bad.length]], 'nobody is held up');
    assert.deepEqual(site.held('home').declared, [], 'and no record is missing');
    assert.equal(site.edge.status()?.unreadable, bad.length);
    const { count, last } = withOutbox(site.edge.stateFolder, (database) => listUnreadable(database, 100));
    assert.equal(count, bad.length);
    assert.deepEqual(
      last.map(({ partition, offset: at }) => [partition, at]),
      offsets.map((at) => [0, at]),
    );
    last.forEach(({ reason, record }, i) => {
      const [value, why] = bad[i] as (typeof bad)[number];
      assert.match(reason, why);
      assert.equal(record, value.slice(0, 200));
    });
    const newest = withOutbox(site.edge.stateFolder, (database) => listUnreadable(database, 2));
    assert.deepEqual(newest, { count, last: last.slice(-2) }, 'of many the last are told');
  });
});

test('unreadable records are counted for ever and kept up to a limit', async () => {
  await withSite({}, async (site) => {
    await site.start();
    site.append(Array.from({ length: 1_500 }, (_, i) => ({ key: null, value: Buffer.from(`garbage ${i} ${BASE_MS}`) })));
    await site.clock.advance(5_000);
    assert.equal(site.edge.status()?.unreadable, 1_500);
    assert.equal(site.edge.running?.store.ledgerStore.unreadableKept(), 1_000);
    site.edge.kill();
    site.edge.start();
    await site.clock.advance(5_000);
    assert.equal(site.edge.status()?.unreadable, 1_500);
  });
});
