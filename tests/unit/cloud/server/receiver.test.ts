/** What the receiver answers, stores and shows; payloads of no use and older peers are in receiver-payloads.test.ts. */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { drawPostalCode } from '../../../../cloud/server/registry.ts';
import type { Bucket } from '../../../../cloud/server/storage/series-store.ts';
import { armFailpoints, type Failpoint } from '../../../../common/failpoints.ts';
import type { LinkRequest, Part } from '../../../../common/messages.ts';
import { everything, gap, HOME, part, T0_MS, WINDOW_MS } from '../../../contract/series-store-probes.ts';
import { Edge, faulty, helloEdge, SPREAD_MS, startCloud, STATUS } from './receiver-cloud.ts';

afterEach(() => armFailpoints(undefined));

function failAt(failpoint: Failpoint): void {
  armFailpoints((name) => {
    if (name === failpoint) throw new Error(`planted ${failpoint}`);
  });
}

describe('hello', () => {
  test('gives each household a generation and its postal code, and tells what is held of it', async (t) => {
    const cloud = await startCloud(t);
    const edge = new Edge(cloud);
    const first = await edge.hello([HOME, 'home-b']);
    assert.deepEqual(first, {
      kind: 'hello',
      v: 1,
      startId: 'start-1',
      claim: 'claim-1',
      households: [HOME, 'home-b'].map((household) => ({ household, generation: 1, postalCode: drawPostalCode(household), sources: [] })),
    });
    await edge.ship(part(1, 2), gap(3, 4));
    const again = await edge.hello([HOME]);
    assert.ok(again.kind === 'hello');
    assert.equal(again.households[0]?.generation, 1, 'a repeated hello changes nothing');
    assert.deepEqual(again.households[0]?.sources, [
      { device: 'meter', src: 'src1', covered: [[1, 2]], declared: [[3, 4]], greatestMs: T0_MS + 1 },
    ]);
    const other = await new Edge(cloud, 'claim-2').hello([HOME]);
    assert.equal(other.kind === 'hello' && other.households[0]?.generation, 2);
  });
});

describe('parts', () => {
  test('every verdict comes back, row by row in order, and is counted', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    const reply = await edge.ship(
      part(1, 3),
      part(1, 3),
      part(6, 6),
      part(3, 4, { timeMs: T0_MS + 10 }),
      part(1, 3, { values: { power: 7 } }),
      part(1, 1, { household: 'home-x' }),
      part(1, 1, { src: 'src2' }),
      faulty(4, { digest: 'not hex' }),
      gap(4, 5),
      part(6, 6),
    );
    assert.deepEqual(
      reply.verdicts.map(({ verdict }) => verdict),
      ['stored', 'duplicate', 'gap', 'overlap', 'conflict', 'not_owner', 'rejected', 'rejected', 'stored', 'stored'],
    );
    assert.match(reply.verdicts[6]?.reason ?? '', /^second source/);
    assert.equal(reply.verdicts[7]?.reason, 'digest');
    assert.deepEqual(reply.postalCodes, { [HOME]: drawPostalCode(HOME) });
    assert.deepEqual(reply.generations, { 'home-x': 0 });
    const [held] = await cloud.store.households();
    assert.deepEqual([held?.readings, held?.declared], [4, 2]);
    assert.deepEqual(cloud.receiver.counters, {
      parts: 10,
      stored: 3,
      duplicates: 1,
      refused: 6,
      legacy: 0,
      unusable: 0,
      busy: 0,
      shown: 0,
    });
    cloud.receiver.register(cloud.metrics);
    assert.match(await cloud.metrics.text(), /^fogline_cloud_rows\{outcome="refused"\} 6$/m);
    // A counter that is first seen at 1 has not increased for Prometheus.
    for (const verdict of ['gap', 'overlap', 'conflict', 'not_owner', 'rejected'])
      assert.match(await cloud.metrics.text(), new RegExp(`^fogline_rows_refused_total\\{verdict="${verdict}"\\} 0$`, 'm'));
  });

  test('of a household that another claim holds are not_owner, with the generation that is held, and nothing is stored', async (t) => {
    const cloud = await startCloud(t);
    const zombie = await helloEdge(cloud);
    await helloEdge(cloud, [HOME], 'claim-2');
    const reply = await zombie.ship(part(1, 1), gap(2, 3));
    assert.deepEqual(
      reply.verdicts.map(({ verdict }) => verdict),
      ['not_owner', 'not_owner'],
    );
    assert.deepEqual(reply.generations, { [HOME]: 2 });
    assert.equal((await cloud.store.households())[0]?.readings, 0);
  });

  test('a fault of a row refuses that row only, wherever it stands', async (t) => {
    const faults: [changes: Partial<Record<keyof Part, unknown>>, reason: RegExp][] = [
      [{ household: 'no id!' }, /not an id/],
      [{ device: null }, /not an id/],
      [{ fromSeq: 0 }, /not a range/],
      [{ fromSeq: 9, toSeq: 8 }, /not a range/],
      [{ toSeq: 2.5 }, /not a range/],
      [{ windowStartMs: T0_MS + 1 }, /multiple of its length/],
      [{ lastMs: T0_MS + 10 * WINDOW_MS }, /outside the window/],
      [{ fields: [] }, /field names/],
      [{ fields: ['no field!'] }, /field names/],
      [{ stats: [1, 2] }, /do not fit/],
      [{ stats: [1, 1, Number.NaN, 1, 1] }, /not a finite number/],
      [{ digest: 'ABC' }, /^digest$/],
    ];
    for (const [changes, reason] of faults) {
      const cloud = await startCloud(t);
      const edge = await helloEdge(cloud);
      const bad = faulty(9, changes);
      const reply = await edge.ship(bad, part(1, 1), bad, part(2, 2), bad);
      const what = JSON.stringify(changes);
      assert.deepEqual(
        reply.verdicts.map(({ verdict }) => verdict),
        ['rejected', 'stored', 'rejected', 'stored', 'rejected'],
        what,
      );
      for (const at of [0, 2, 4]) assert.match(reply.verdicts[at]?.reason ?? '', reason, what);
      assert.deepEqual(
        (await cloud.store.households()).map(({ household, readings }) => [household, readings]),
        [[HOME, 2]],
        what,
      );
    }
  });

  test('a gap without a reason is refused alone', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    assert.deepEqual(await edge.verdicts(gap(1, 2, 'x'.repeat(201)), part(1, 1), gap(2, 2, 'x'.repeat(200))), [
      'rejected',
      'stored',
      'stored',
    ]);
  });

  test('with only faulty rows are answered, and nothing is stored', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    assert.deepEqual(await edge.verdicts(faulty(1, { digest: '' })), ['rejected']);
    assert.equal((await cloud.store.households())[0]?.readings, 0);
  });

  test('of another cloud start are not looked at: hello comes first', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    await edge.ship(part(1, 1));
    const restarted = await startCloud(t, { startId: 'start-2', stateDir: cloud.stateDir });
    const before = await everything(restarted.store);
    const request = edge.request([part(2, 2), faulty(3, { digest: '' })]);
    assert.deepEqual(await restarted.ask(request), { kind: 'hello_first', v: 1, startId: 'start-2' });
    assert.deepEqual(await everything(restarted.store), before);
    assert.equal(restarted.receiver.counters.parts, 0);
    const back = new Edge(restarted);
    await back.hello();
    assert.deepEqual(await back.verdicts(part(1, 1), part(2, 2)), ['duplicate', 'stored']);
  });

  test('of two requests at once are both answered, each with its own verdicts', async (t) => {
    const cloud = await startCloud(t);
    const one = await helloEdge(cloud, ['home-b'], 'claim-1');
    const two = await helloEdge(cloud, ['home-c'], 'claim-2');
    const [first, second] = await Promise.all([
      one.verdicts(part(1, 1, { household: 'home-b' }), part(3, 3, { household: 'home-b' })),
      two.verdicts(part(1, 1, { household: 'home-c' }), part(1, 1, { household: 'home-c' })),
    ]);
    assert.deepEqual(
      [first, second],
      [
        ['stored', 'gap'],
        ['stored', 'duplicate'],
      ],
    );
  });
});

test('each reply carries the start id of this cloud, whatever the edge believes', async (t) => {
  const cloud = await startCloud(t, { startId: 'start-now' });
  const edge = new Edge(cloud);
  const replies = [
    await edge.send(part(1, 1)),
    await edge.hello(),
    await edge.send(part(1, 1)),
    await cloud.ask({ kind: 'heartbeat', heartbeat: { edge: 'edge-1', epoch: 'epoch-1', sentMs: 1, status: STATUS } }),
  ];
  assert.deepEqual(
    replies.map((reply) => [reply.kind, (reply as { startId?: string }).startId]),
    [
      ['hello_first', 'start-now'],
      ['hello', 'start-now'],
      ['parts', 'start-now'],
      ['heartbeat', 'start-now'],
    ],
  );
});

describe('what the store does not take is not acknowledged', () => {
  test('a commit that fails: refused, nothing stored, nothing shown, told in the log; sent again it is stored once', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    await edge.ship(part(1, 1));
    const before = [await everything(cloud.store), await cloud.latest.all()];
    for (const failpoint of ['cloud_after_receive_before_commit', 'cloud_inside_commit'] as const) {
      failAt(failpoint);
      assert.deepEqual(await edge.send(part(2, 3)), { kind: 'refused', reason: `planted ${failpoint}` });
      armFailpoints(undefined);
      assert.deepEqual([await everything(cloud.store), await cloud.latest.all()], before, failpoint);
    }
    assert.equal(cloud.errors.length, 2);
    assert.deepEqual([cloud.receiver.counters.unusable, cloud.receiver.counters.parts], [2, 1]);
    assert.deepEqual(await edge.verdicts(part(2, 3)), ['stored']);
    assert.equal((await cloud.store.households())[0]?.readings, 3);
  });

  test('an answer that is lost after the commit: sent again the rows are duplicates, and counted once', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    failAt('cloud_after_commit_before_ack');
    assert.equal((await edge.send(part(1, 2))).kind, 'refused');
    armFailpoints(undefined);
    assert.deepEqual(await edge.verdicts(part(1, 2)), ['duplicate']);
    assert.equal((await cloud.store.households())[0]?.readings, 2);
  });

  test('a store that is closed refuses hello and parts', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    await cloud.store.stop();
    for (const reply of [await edge.hello(), await edge.send(part(1, 1))])
      assert.deepEqual(reply, { kind: 'refused', reason: 'the series store is not started' });
    await cloud.store.start();
    assert.deepEqual(await cloud.store.newest(), []);
    assert.deepEqual(await edge.verdicts(part(1, 1)), ['stored']);
  });

  test('a hello whose commit is told to nobody is repeated, and gets the same generation', async (t) => {
    const cloud = await startCloud(t);
    const edge = new Edge(cloud);
    failAt('cloud_after_hello_commit_before_reply');
    assert.equal((await edge.hello()).kind, 'refused');
    armFailpoints(undefined);
    const reply = await edge.hello();
    assert.equal(reply.kind === 'hello' && reply.households[0]?.generation, 1);
  });
});

describe('ack and display wait for the store', () => {
  test('no answer and nothing shown while another writer holds the file; both after the append', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    const told: Bucket[][] = [];
    t.after(cloud.latest.subscribe(0, (windows) => void told.push([...windows])));
    const other = new Database(cloud.store.path);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    let answered = false;
    let isIdle = false;
    const reply = edge.ship(part(1, 2)).finally(() => (answered = true));
    const idle = cloud.receiver.idle().then(() => (isIdle = true));
    await cloud.clock.advance(50);
    assert.deepEqual([answered, isIdle, await cloud.latest.all(), told], [false, false, [], []]);
    other.exec('COMMIT');
    await cloud.clock.advance(50);
    assert.deepEqual([answered, isIdle], [true, true]);
    assert.equal((await reply).verdicts[0]?.verdict, 'stored');
    await idle;
    const shown = await cloud.latest.all();
    assert.deepEqual(shown, await cloud.store.newest());
    assert.deepEqual(told, [shown]);
  });

  test('at each step of an append, what is shown is not ahead of what is stored', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    const steps: { name: string; shown: Promise<Bucket[]>; stored: Promise<Bucket[]> }[] = [];
    armFailpoints((name) => steps.push({ name, shown: cloud.latest.all(), stored: cloud.store.newest() }));
    await edge.ship(part(1, 2));
    armFailpoints(undefined);
    const counts = [];
    for (const { name, shown, stored } of steps) counts.push([name, (await shown).length, (await stored).length]);
    assert.deepEqual(counts, [
      ['cloud_after_receive_before_commit', 0, 0],
      ['cloud_inside_commit', 0, 0],
      ['cloud_after_commit_before_ack', 0, 1],
    ]);
    assert.equal((await cloud.latest.all()).length, 1);
  });

  test('the newest window is shown whole; a late part and refused rows change nothing of it', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    const shown = async () => (await cloud.latest.all()).map(({ startMs, count, last }) => [startMs, count, last]);
    await edge.ship(part(1, 1), part(2, 2), part(3, 3, { timeMs: T0_MS + WINDOW_MS + 1 }));
    assert.deepEqual(await shown(), [[T0_MS + WINDOW_MS, 2, 103]]);
    await edge.ship(part(4, 4, { timeMs: T0_MS + 4 }), part(9, 9), faulty(5, { digest: '' }), part(1, 1));
    assert.deepEqual(await shown(), [[T0_MS + WINDOW_MS, 2, 103]]);
    assert.deepEqual(await cloud.latest.all(), await cloud.store.newest());
  });

  test('idle waits for nobody when nothing is asked', async (t) => {
    await (await startCloud(t)).receiver.idle();
  });
});

describe('heartbeats', () => {
  const beat = (edge: string): LinkRequest => ({
    kind: 'heartbeat',
    heartbeat: { edge, epoch: 'epoch-1', sentMs: 7, status: STATUS },
  });

  test('are noted with the time of arrival and what the edge says, and answered with the spread', async (t) => {
    const cloud = await startCloud(t);
    await cloud.clock.advance(1_234);
    assert.deepEqual(await cloud.ask(beat('edge-9')), { kind: 'heartbeat', v: 1, startId: 'start-1', spreadMs: SPREAD_MS });
    const [edge] = cloud.liveness.edges();
    assert.deepEqual(
      [edge?.edge, edge?.state, edge?.lastHeartbeatAt, edge?.queued, edge?.households],
      ['edge-9', 'live', new Date(cloud.clock.nowMs()).toISOString(), 7, 2],
    );
    await cloud.clock.advance(10_000);
    assert.equal(cloud.liveness.edges()[0]?.state, 'silent');
    await cloud.ask(beat('edge-9'));
    assert.equal(cloud.liveness.edges()[0]?.state, 'live');
  });

  test('need no store and no hello; hello and parts are no heartbeats', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    await edge.ship(part(1, 1));
    assert.deepEqual(cloud.liveness.edges(), []);
    await cloud.store.stop();
    assert.equal((await cloud.ask(beat('edge-1'))).kind, 'heartbeat');
    assert.equal(cloud.liveness.edges().length, 1);
  });
});
