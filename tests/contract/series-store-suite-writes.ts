/** The series store suite's tests of hello and append: who may write, what becomes of each row, all or nothing. */
import assert from 'node:assert/strict';
import { ConfigError } from '../../common/errors.ts';
import { armFailpoints } from '../../common/failpoints.ts';
import type { HelloHousehold } from '../../common/messages.ts';
import { MS_PER_HOUR } from '../../common/units.ts';
import {
  assertBuckets,
  collect,
  Edge,
  everything,
  gap,
  helloEdge,
  HOME,
  part,
  reading,
  type StoreHarness,
  T0_MS,
  trueBuckets,
  WINDOW_MS,
} from './series-store-probes.ts';

export async function firstHelloRegisters({ store }: StoreHarness): Promise<void> {
  const [answer] = await new Edge(store).hello();
  assert.deepEqual(answer, { household: HOME, generation: 1, postalCode: '00001', sources: [] });
  assert.deepEqual(await store.households(), [
    {
      household: HOME,
      postalCode: '00001',
      state: 'DE-BB',
      postalCodeFrom: 'drawn',
      firstMs: null,
      lastMs: null,
      readings: 0,
      declared: 0,
    },
  ]);
}

/** What the live lane asks. */
export async function emptyAppendTellsOwners(harness: StoreHarness): Promise<void> {
  const { store } = harness;
  const edge = await helloEdge(store);
  await edge.hello([HOME, 'home-b']);
  await edge.send([part(1, 2)]);
  const before = await everything(store);
  assert.deepEqual((await edge.send([])).generations, {});
  const other = new Edge(store, 'claim-2');
  await other.hello(['home-b']);
  const { generations, verdicts } = await edge.send([]);
  assert.deepEqual([Object.keys(generations), verdicts], [['home-b'], []]);
  assert.deepEqual(await everything(store), before);
}

/** The harness gives another code at each asking, so a code that is asked for twice shows. */
export async function postalCodeStays(harness: StoreHarness): Promise<void> {
  const edge = new Edge(harness.store);
  await edge.hello([HOME, 'home-b']);
  const codes = (answer: readonly HelloHousehold[]) => answer.map(({ postalCode }) => postalCode);
  assert.deepEqual(codes(await edge.hello(['home-b', HOME])), ['00002', '00001']);
  assert.deepEqual((await edge.send([part(1, 1)])).postalCodes, { [HOME]: '00001' });
  edge.store = await harness.reopen();
  assert.deepEqual(codes(await edge.hello([HOME, 'home-b', 'home-c'])), ['00001', '00002', '00003']);
}

export async function claimsRaiseGenerations({ store }: StoreHarness): Promise<void> {
  const generation = async (edge: Edge, known = 0) => (await edge.hello([HOME], known))[0]?.generation;
  const first = new Edge(store, 'claim-1');
  assert.equal(await generation(first), 1);
  assert.equal(await generation(first), 1, 'a repeated hello changes nothing');
  const second = new Edge(store, 'claim-2');
  assert.equal(await generation(second), 2);
  assert.equal(await generation(second, 7), 2);
  assert.equal(await generation(new Edge(store, 'claim-3'), 7), 8, 'above what a restored cloud has forgotten');
}

export async function othersAreNoOwners({ store }: StoreHarness): Promise<void> {
  const zombie = await helloEdge(store, 'claim-1');
  await zombie.ship([reading(1)]);
  const owner = await helloEdge(store, 'claim-2');
  const before = await everything(store);
  const refused = await zombie.send([part(1, 1), part(2, 2), gap(3, 3)]);
  assert.deepEqual(
    refused.verdicts.map(({ verdict }) => verdict),
    ['not_owner', 'not_owner', 'not_owner'],
  );
  assert.deepEqual(refused.generations, { [HOME]: 2 });
  assert.deepEqual(refused.postalCodes, { [HOME]: '00001' });
  zombie.generations[HOME] = 2;
  assert.deepEqual(await zombie.verdicts(part(2, 2)), ['not_owner'], 'a generation that was given to another claim');
  owner.generations[HOME] = 1;
  assert.deepEqual(await owner.verdicts(part(2, 2)), ['not_owner'], 'an older generation of the same claim');
  assert.deepEqual(await everything(store), before);
  owner.generations[HOME] = 2;
  assert.deepEqual(await owner.verdicts(part(2, 2)), ['stored']);
}

export async function unknownHouseholdHasNoOwner({ store }: StoreHarness): Promise<void> {
  assert.deepEqual(await store.edges(), []);
  const edge = await helloEdge(store);
  const answer = await edge.send([part(1, 1, { household: 'home-x' }), part(1, 1), part(1, 1, { household: 'constructor' })]);
  assert.deepEqual(
    answer.verdicts.map(({ verdict }) => verdict),
    ['not_owner', 'stored', 'not_owner'],
  );
  assert.deepEqual(answer.generations, { 'home-x': 0, constructor: 0 });
  assert.deepEqual(
    (await store.households()).map(({ household }) => household),
    [HOME],
    'a refused household is not registered',
  );
  assert.deepEqual(await store.edges(), ['edge-1']);
}

export async function eachRowGetsItsVerdict({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  assert.deepEqual(await edge.verdicts(part(1, 3), part(4, 5)), ['stored', 'stored']);
  assert.deepEqual(await edge.verdicts(part(1, 3)), ['duplicate'], 'the same again');
  assert.deepEqual(await edge.verdicts(part(2, 2, { timeMs: T0_MS + 1 })), ['duplicate'], 'stored, cut in another way');
  assert.deepEqual(await edge.verdicts(part(1, 2)), ['duplicate'], 'the same beginning, another end');
  assert.deepEqual(await edge.verdicts(part(1, 3, { values: { power: 1 } })), ['conflict'], 'the same range, other values');
  assert.deepEqual(await edge.verdicts(part(1, 3, { timeMs: T0_MS + 60_000 })), ['conflict'], 'the same range, another window');
  assert.deepEqual(await edge.verdicts(part(7, 8)), ['gap'], '6 is neither stored nor declared');
  assert.deepEqual(await edge.verdicts(part(5, 6, { timeMs: T0_MS + 20_000 })), ['overlap'], '5 is stored');
  assert.deepEqual(await edge.verdicts(gap(4, 5)), ['duplicate'], 'a gap in what is stored says nothing new');
  assert.deepEqual(await edge.verdicts(gap(8, 9)), ['gap']);
  const [hello] = await edge.hello();
  assert.deepEqual(hello?.sources[0]?.covered, [[1, 5]]);
  assert.deepEqual(hello?.sources[0]?.declared, []);
}

export async function rowsOfOneRequestSeeEachOther({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  const verdicts = await edge.verdicts(
    part(2, 2),
    part(1, 1),
    part(2, 2),
    part(1, 1),
    part(2, 2, { values: { power: 0 } }),
    gap(3, 4),
    part(5, 5),
  );
  assert.deepEqual(verdicts, ['gap', 'stored', 'stored', 'duplicate', 'conflict', 'stored', 'stored']);
}

export async function declaredSeqsTurnUp({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  assert.deepEqual(await edge.verdicts(part(1, 1), gap(2, 9), part(10, 10)), ['stored', 'stored', 'stored']);
  const sets = async () => {
    const [source] = (await edge.hello())[0]?.sources ?? [];
    return [source?.covered, source?.declared, (await store.households())[0]?.declared];
  };
  assert.deepEqual(await sets(), [
    [
      [1, 1],
      [10, 10],
    ],
    [[2, 9]],
    8,
  ]);
  assert.deepEqual(await edge.verdicts(part(4, 5)), ['stored'], 'declared is not covered');
  assert.deepEqual(await sets(), [
    [
      [1, 1],
      [4, 5],
      [10, 10],
    ],
    [
      [2, 3],
      [6, 9],
    ],
    6,
  ]);
  assert.deepEqual(await edge.verdicts(gap(2, 9), gap(2, 3)), ['duplicate', 'duplicate'], 'all of it is stored or declared');
  assert.deepEqual(await edge.verdicts(gap(6, 12, 'not in run')), ['stored']);
  assert.deepEqual(await sets(), [
    [
      [1, 1],
      [4, 5],
      [10, 10],
    ],
    [
      [2, 3],
      [6, 9],
      [11, 12],
    ],
    8,
  ]);
  assert.deepEqual(await edge.verdicts(part(2, 3), part(6, 9), part(11, 12)), ['stored', 'stored', 'stored']);
  assert.deepEqual(await sets(), [[[1, 12]], [], 0]);
}

export async function setsOutliveARestart(harness: StoreHarness): Promise<void> {
  const edge = await helloEdge(harness.store);
  await edge.verdicts(part(1, 2), gap(3, 6), part(7, 7), part(4, 4));
  const before = await edge.hello();
  const all = await everything(harness.store);
  edge.store = await harness.reopen();
  assert.deepEqual(await edge.hello(), before);
  assert.deepEqual(await everything(edge.store), all);
  assert.deepEqual(await edge.verdicts(part(1, 2), part(7, 7, { values: { power: 0 } }), part(9, 9)), ['duplicate', 'conflict', 'gap']);
}

/** A store that has just been opened knows which bucket is the newest, and not what is in it. */
export async function lateWindowsAfterARestart(harness: StoreHarness): Promise<void> {
  const edge = await helloEdge(harness.store);
  const readings = [reading(1, { timeMs: T0_MS }), reading(2, { timeMs: T0_MS + 3 * MS_PER_HOUR }), reading(3, { timeMs: T0_MS + 1_000 })];
  readings.push(reading(4, { timeMs: T0_MS + 3 * MS_PER_HOUR + 1_000 }), reading(5, { timeMs: T0_MS + 2_000 }));
  await edge.ship(readings.slice(0, 1));
  edge.store = await harness.reopen();
  for (const its of readings.slice(1)) await edge.ship([its]);
  for (const resolution of ['1m', '15m', '1h'] as const)
    assertBuckets(await collect(edge.store, { resolution }), trueBuckets(readings, resolution));
}

export async function secondSourceMustLieLater({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  await edge.ship([reading(1), reading(2)]);
  const greatest = T0_MS + WINDOW_MS;
  const second = (timeMs: number, device = 'meter') => part(1, 1, { src: 'src2', device, timeMs });
  const refused = await edge.send([second(greatest)]);
  assert.equal(refused.verdicts[0]?.verdict, 'rejected');
  assert.match(refused.verdicts[0]?.reason ?? '', /second source/);
  assert.deepEqual(await edge.verdicts(second(greatest, 'heat-pump')), ['stored'], 'another device is another matter');
  assert.deepEqual(await edge.verdicts(second(greatest + 1)), ['stored']);
  assert.deepEqual(await edge.verdicts(part(2, 2, { src: 'src2', timeMs: T0_MS })), ['stored'], 'only its beginning is judged');
  const [hello] = await edge.hello();
  const greatestOf = hello?.sources.map(({ device, src, greatestMs }) => [device, src, greatestMs]);
  assert.deepEqual(greatestOf, [
    ['meter', 'src1', greatest],
    ['meter', 'src2', greatest + 1],
    ['heat-pump', 'src2', greatest],
  ]);
}

export async function unsortedFieldsAreRejected({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  const row = part(1, 1, { values: { power: 1, power1: 2 } });
  const twice = { ...row, part: { ...row.part, fields: ['power', 'power'] } };
  assert.deepEqual(await edge.verdicts(twice, row), ['rejected', 'stored']);
  assert.equal((await store.powerTotals())[0]?.count, 1);
}

export async function otherWindowLengthIsRefused({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  const request = { edge: 'edge-1', epoch: 'epoch-1', claim: 'claim-1', windowMs: 7_000 };
  await assert.rejects(async () => store.hello({ ...request, households: [] }), ConfigError);
  await assert.rejects(store.append({ ...request, startId: 's', generations: edge.generations, rows: [part(1, 1)] }), /7 s/);
  assert.deepEqual(await edge.verdicts(part(1, 1)), ['stored']);
}

export async function failedAppendStoresNothing(harness: StoreHarness): Promise<void> {
  const { store } = harness;
  const edge = await helloEdge(store);
  await edge.verdicts(part(1, 2), gap(3, 5));
  const before = { all: await everything(store), hello: await edge.hello() };
  // New device, source, series, field set, a late part, a declared seq: everything an append can write.
  const rows = [
    part(4, 4, { timeMs: T0_MS + 10 }),
    part(6, 6),
    part(1, 1, { device: 'heat-pump', src: 'src9', values: { power: 1, power9: 2 } }),
  ];
  const broken = new Error('planted');
  armFailpoints((name) => {
    if (name === 'cloud_inside_commit') throw broken;
  });
  try {
    await assert.rejects(edge.send(rows), broken);
    await assert.rejects(edge.send(rows), broken);
  } finally {
    armFailpoints(undefined);
  }
  assert.deepEqual({ all: await everything(store), hello: await edge.hello() }, before);
  assert.deepEqual(await edge.verdicts(...rows), ['stored', 'stored', 'stored'], 'memory was not ahead of the disk');
  const after = { all: await everything(store), hello: await edge.hello() };
  edge.store = await harness.reopen();
  assert.deepEqual({ all: await everything(edge.store), hello: await edge.hello() }, after);
}

export async function twoStoresOnOneFile(harness: StoreHarness): Promise<void> {
  const first = await helloEdge(harness.store);
  const second = new Edge(await harness.another());
  Object.assign(second.generations, first.generations);
  // Each has what the other wrote before it in its memory's way: covered, declared, sources, windows, series.
  for (let seq = 1; seq <= 12; seq++) {
    const [writes, looksOn] = seq % 2 === 0 ? [second, first] : [first, second];
    assert.deepEqual(await writes.verdicts(part(seq, seq, { timeMs: T0_MS + seq })), ['stored']);
    assert.deepEqual(await looksOn.verdicts(part(seq, seq, { timeMs: T0_MS + seq })), ['duplicate']);
  }
  assert.deepEqual(await first.verdicts(gap(13, 14)), ['stored']);
  assert.deepEqual(await second.verdicts(part(15, 15)), ['stored']);
  const third = await helloEdge(second.store, 'claim-2');
  assert.deepEqual(await first.verdicts(part(16, 16)), ['not_owner']);
  assert.deepEqual(await third.verdicts(part(16, 16)), ['stored']);
  const [window] = await collect(first.store, { resolution: 'raw', toMs: T0_MS + WINDOW_MS });
  assert.equal(window?.count, 12);
  assert.equal((await first.store.powerTotals())[0]?.coveredHours, (3 * WINDOW_MS) / 3_600_000);
}

/** Not only the fast case of one process: both at once, in one event loop. */
export async function appendsAtOnce(harness: StoreHarness): Promise<void> {
  const first = await helloEdge(harness.store);
  const second = new Edge(await harness.another());
  await second.hello(['home-b']);
  const jobs: Promise<unknown>[] = [];
  for (let seq = 1; seq <= 30; seq++) jobs.push(first.send([part(seq, seq)]), second.send([part(seq, seq, { household: 'home-b' })]));
  await Promise.all(jobs);
  const rows = await first.store.households();
  assert.deepEqual(
    rows.map(({ readings }) => readings),
    [30, 30],
  );
}
