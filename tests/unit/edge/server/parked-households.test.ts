import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { configWith } from '../../../../common/config.ts';
import { EdgeStore } from '../../../../edge/server/edge-store.ts';
import { askToResume, listParked, withOutbox } from '../../../../edge/server/parked-households.ts';
import { list, resume } from '../../../../edge/server/parked-main.ts';
import { encodeReading } from '../../../../common/topic-codec.ts';
import { readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';

/** A household that the cloud refuses: its second source begins before the end of its first. */
async function parkPoison(site: VirtualSite): Promise<void> {
  site.produce('poison', 1, 10);
  site.produce('healthy', 1, 10);
  await site.clock.advance(30_000);
  site.produce('poison', 1, 3, 'src2');
  site.produce('healthy', 11, 20);
  await site.clock.advance(30_000);
}

test('a poison household parks alone, is asked to go on by another process, and parks again while the reason stands', async () => {
  const site = new VirtualSite();
  try {
    await site.start();
    await parkPoison(site);
    assert.deepEqual(
      site.edge.status()?.parked.map(({ household }) => household),
      ['poison'],
    );
    assert.deepEqual(site.held('healthy').covered, [[1, 19]], 'nobody else is held up');
    withOutbox(site.edge.stateFolder, (database) => {
      const [parked] = listParked(database);
      assert.deepEqual([parked?.household, parked?.rows], ['poison', 2]);
      assert.match(parked?.reason ?? '', /rejected at seq 1/);
      askToResume(database, ['poison', 'poison', 'nobody']);
    });
    await site.until(() => site.lines.includes('households are no longer parked, as was asked'), 10_000);
    await site.clock.advance(30_000);
    assert.equal(site.lines.filter((line) => line.startsWith('household parked')).length, 2, 'the cloud refused it again');
    site.append([{ key: 'healthy', value: encodeReading(readingOf('healthy', 21)) }]);
    await site.clock.advance(30_000);
    assert.deepEqual(site.held('healthy').covered, [[1, 20]]);
    assert.deepEqual(site.errors, []);
  } finally {
    site.end();
  }
});

test('what was asked while no edge ran is taken at the next start, once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-parked-'));
  const open = () => {
    const store = new EdgeStore({ folder: join(folder, 'edge'), quotaBytes: 1 << 28, windowMs: 5_000 });
    store.start();
    return store;
  };
  try {
    const before = open();
    await before.exclusive(async () =>
      before.commit(false, () => {
        for (const household of ['a', 'b']) {
          before.ledgerStore.ledger.parked.set(household, 'conflict at seq 1..2: test');
          before.ledgerStore.saveHousehold(household);
        }
      }),
    );
    before.stop();
    withOutbox(join(folder, 'edge'), (database) => askToResume(database, ['b']));
    const after = open();
    assert.deepEqual(await after.resumeParked(), ['b']);
    assert.deepEqual(await after.resumeParked(), []);
    assert.deepEqual([...after.ledgerStore.ledger.parked.keys()], ['a']);
    after.stop();
    withOutbox(join(folder, 'edge'), (database) =>
      assert.deepEqual(listParked(database), [{ household: 'a', reason: 'conflict at seq 1..2: test', rows: 0 }]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what is held back is told to people and to programs, what the simulator has parked too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-parked-'));
  try {
    const store = new EdgeStore({ folder: join(folder, 'edge'), quotaBytes: 1 << 28, windowMs: 5_000 });
    store.start();
    const options = { config: configWith({}), stateDir: folder, signal: new AbortController().signal };
    const told = async (json: boolean, files = [{ household: 'c', reason: 'c.csv can not be opened' }]) => {
      const lines: string[] = [];
      const write = mock.method(process.stdout, 'write', (text: string) => lines.push(text) > 0);
      try {
        assert.equal(await list({ ...options, json }, files), 0);
      } finally {
        write.mock.restore();
      }
      return lines.join('');
    };
    assert.equal(await told(false, []), 'no household is parked\n');
    await store.exclusive(async () =>
      store.commit(false, () => {
        store.ledgerStore.ledger.parked.set('a', 'conflict at seq 1..2: test');
        store.ledgerStore.saveHousehold('a');
        store.ledgerStore.saveUnreadable('log', { partition: 3, offset: 17, reason: 'not JSON', record: Buffer.from('garbage') });
      }),
    );
    assert.deepEqual(JSON.parse(await told(true)), {
      parked: [{ household: 'a', reason: 'conflict at seq 1..2: test', rows: 0 }],
      parkedFiles: [{ household: 'c', reason: 'c.csv can not be opened' }],
      unreadable: { count: 1, last: [{ partition: 3, offset: 17, reason: 'not JSON', record: 'garbage' }] },
    });
    const text = await told(false);
    for (const words of [/^a +0 rows wait +conflict at seq 1\.\.2: test$/m, /^c .*c\.csv can not be opened$/m, /parked resume/])
      assert.match(text, words);
    assert.match(text, /^1 record of the topic unreadable[^]*partition 3 offset 17 +not JSON +"garbage"$/m);
    store.stop();
    await assert.rejects(resume({ ...options, json: true }, ['c'], [{ household: 'c', reason: 'gone' }]), { remedy: /put its file back/ });
    await assert.rejects(resume({ ...options, json: true }, ['b'], []), { remedy: /parked are: a/ });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a simulator alone has no outbox: what it has parked is told all the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-parked-'));
  const options = { config: configWith({}), stateDir: folder, json: true, signal: new AbortController().signal };
  const write = mock.method(process.stdout, 'write', () => true);
  try {
    assert.equal(await list(options, [{ household: 'c', reason: 'gone' }]), 0);
    assert.match(String(write.mock.calls[0]?.arguments[0]), /"parked":\[\],"parkedFiles":\[\{"household":"c"/);
    await assert.rejects(list(options, []), { code: 'DATA_UNREADABLE' });
  } finally {
    write.mock.restore();
    rmSync(folder, { recursive: true });
  }
});

test('without an outbox it says what to give', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-parked-'));
  assert.throws(() => withOutbox(folder, listParked), { code: 'DATA_UNREADABLE', hint: /--state/ });
  rmSync(folder, { recursive: true });
});
