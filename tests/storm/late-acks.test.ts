/**
 * The cloud is set back to an older copy while an answer of the life before is on its way to the edge, and nothing comes after the rows
 * that it acknowledges: no gap will ever tell that the cloud lacks them. The start id does.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualSite } from '../doubles/virtual-site.ts';
import type { EdgePlants } from './storm-edge.ts';
import { RestartsUnseen } from './wrong-links.ts';

const BEFORE = 20;
const LAST = 25;
const CALM_MS = 20 * 60_000;
/** Sooner than the edge hears of the new cloud; after that, while its hello waits for the answer; after it has given the answer up. */
const LATE_MS = [1_500, 4_000, 8_000, 30_000];

/** @returns what the cloud and the edge say in the end */
async function lateAnswer(lateMs: number, planted?: EdgePlants) {
  let replyMs = 1;
  const dataFates = { request: () => [1], reply: () => [replyMs] };
  const site = new VirtualSite({ dataFates, ...(planted === undefined ? {} : { planted }) });
  try {
    await site.start();
    site.produce('home', 1, BEFORE);
    await site.until(() => site.held('home').covered[0]?.[1] === BEFORE - 1, 60_000);
    await site.clock.advance(1_000);
    site.cloud.backUp();

    replyMs = lateMs;
    site.produce('home', BEFORE + 1, LAST);
    site.endRun([{ household: 'home', device: 'meter', src: 'src1', seq: LAST }]);
    await site.clock.advance(1_000);
    assert.deepEqual(site.held('home').covered, [[1, LAST]], 'the cloud has all, and the edge has not heard of it');
    assert.notEqual(site.edge.status()?.sent, 0);

    site.cloud.kill();
    site.cloud.restore(0);
    await site.cloud.start();
    assert.deepEqual(site.held('home').covered, [[1, BEFORE - 1]]);
    replyMs = 1;
    await site.clock.advance(CALM_MS);
    assert.deepEqual(site.witness.findings, []);
    const { queued = -1, sent = -1, runs = [] } = site.edge.status() ?? {};
    return { covered: site.held('home').covered, waits: queued + sent, isDone: runs.every(({ done }) => done) };
  } finally {
    site.end();
  }
}

for (const lateMs of LATE_MS) {
  test(`an answer that comes ${lateMs} ms late: the last rows are sent again to the cloud that was set back`, async () => {
    assert.deepEqual(await lateAnswer(lateMs), { covered: [[1, LAST]], waits: 0, isDone: true });
  });
}

test('control: where no start of the cloud is told from another they are lost for ever, and the edge says that all is done', async () => {
  const planted: EdgePlants = { wrapLink: (link, clock) => new RestartsUnseen(link, clock) };
  assert.deepEqual(await lateAnswer(4_000, planted), { covered: [[1, BEFORE - 1]], waits: 0, isDone: true });
});
