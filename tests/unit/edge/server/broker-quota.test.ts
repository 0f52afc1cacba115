/**
 * The cloud is away for so long that the outbox is full, then the topic: the embedded broker makes room at its quota and drops records that
 * no edge has taken in. What they held is declared missing at the cloud, to the seq; everything else arrives.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Broker, type NewRecord, POWER_TOPIC } from '../../../../common/broker/broker.ts';
import { EmbeddedBroker, QUOTA_BYTES_MIN } from '../../../../common/broker/embedded-broker.ts';
import { sourceKey } from '../../../../common/ids.ts';
import { silentLogger } from '../../../../common/logger.ts';
import { type PartsRequest, rangeOf, type ShippedRow } from '../../../../common/messages.ts';
import { encodeMark, encodeReading } from '../../../../common/topic-codec.ts';
import type { AppendResult, StoredVerdict } from '../../../../cloud/server/storage/series-store.ts';
import { ForwardingStore } from '../../../doubles/forwarding-store.ts';
import { BASE_MS, readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';
import type { StormCloudOptions } from '../../../storm/storm-cloud.ts';

const HOMES = ['home-1', 'home-2'];
/** Rows for some hundred readings. */
const OUTBOX_BYTES = 20 * 8_192;
/** Readings of each home that arrive before the cloud is away. */
const BEFORE = 10;
/** … and until it is back: one and a half times what the topic holds, by their size. */
const LAST = 1_600;
const RECORD_BYTES = 8_000;
const RECORDS_AT_ONCE = 40;
const PARTITION = 0;

/** Keeps no gap, and takes the part behind it for one that begins where the gap does: what is lost counts as stored. */
class LossHidden extends ForwardingStore {
  /** First seq of the gap before the next part, by source. */
  private readonly hidden = new Map<string, number>();

  override async append(request: PartsRequest): Promise<AppendResult> {
    const rows = request.rows.flatMap((row) => this.withoutGap(row));
    const result = await this.store.append({ ...request, rows });
    let next = 0;
    const verdicts = request.rows.map(
      ({ kind }): StoredVerdict => (kind === 'gap' ? { verdict: 'stored' } : (result.verdicts[next++] as StoredVerdict)),
    );
    return { ...result, verdicts };
  }

  private withoutGap(row: ShippedRow): ShippedRow[] {
    const { household, device, src, fromSeq } = rangeOf(row);
    const key = sourceKey(household, device, src);
    const from = this.hidden.get(key) ?? fromSeq;
    this.hidden.delete(key);
    if (row.kind === 'part') return [{ ...row, part: { ...row.part, fromSeq: from } }];
    this.hidden.set(key, from);
    return [];
  }
}

interface Outcome {
  dropped: number;
  /** Seqs of each home that no one has taken in and that are gone, by the offsets alone. */
  lost: Map<string, number[]>;
  wrong: string[];
  isDone: boolean | undefined;
}

/** The outage in virtual time, with a topic on files. */
async function outage(quotaBytes: number, wrapStore?: StormCloudOptions['wrapStore']): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-topic-'));
  const makeBroker = () => new EmbeddedBroker({ folder, quotaBytes, clock: site.clock, logger: silentLogger });
  let edgeBroker: Broker | undefined;
  const wrapBroker = () => (edgeBroker = makeBroker());
  const site = new VirtualSite({ quotaBytes: OUTBOX_BYTES, planted: { wrapBroker } }, wrapStore === undefined ? {} : { wrapStore });
  const topic = makeBroker();
  try {
    await topic.start();
    await topic.ensureTopic(POWER_TOPIC, { partitions: 1, retentionMs: 0 });
    const records: NewRecord[] = [];
    const append = async (more: readonly NewRecord[]) => {
      for (let at = 0; at < more.length; at += RECORDS_AT_ONCE)
        await topic.append(POWER_TOPIC, PARTITION, more.slice(at, at + RECORDS_AT_ONCE));
      records.push(...more);
    };
    await site.start();
    await append(recordsOf(1, BEFORE));
    await site.until(() => HOMES.every((home) => site.held(home).readings >= BEFORE - 1), 60_000);

    const handler = site.network.handler;
    site.network.handler = undefined;
    await append(recordsOf(BEFORE + 1, LAST / 4));
    await site.until(() => site.edge.status()?.outboxFull === true, 60_000);
    assert.equal(site.edge.status()?.outboxFull, true, 'the outbox holds no more');
    await append(recordsOf(LAST / 4 + 1, LAST));
    const last = HOMES.map((household) => ({ household, device: 'meter', src: 'src1', seq: LAST }));
    await append([{ key: null, value: encodeMark({ timeMs: BASE_MS + 1_000_000_000, run: 'r', end: true, last }) }]);
    const { nextOffset = 0 } = site.edge.running?.store.ledgerStore.positions.get(PARTITION) ?? {};
    const { earliestOffset } = await topic.logState(POWER_TOPIC, PARTITION);
    const lost = new Map(HOMES.map((home) => [home, seqsIn(records.slice(nextOffset, earliestOffset), home)]));

    site.network.handler = handler;
    await site.clock.advance(600_000);
    assert.deepEqual(site.errors, []);
    const wrong = HOMES.flatMap((home) => differences(site, home, lost.get(home) ?? []));
    return { dropped: topic.counters.droppedAtQuota, lost, wrong, isDone: site.edge.status()?.runs[0]?.done };
  } finally {
    // A batch that is being taken is taken to its end, and only an edge that lives does that.
    const stopped = edgeBroker?.stop();
    await site.clock.advance(60_000);
    await stopped;
    site.end();
    await topic.stop();
    rmSync(folder, { recursive: true });
  }
}

/** A reading of each home in each window; unknown keys are not read, and make them large. */
function recordsOf(from: number, to: number): NewRecord[] {
  const note = '.'.repeat(RECORD_BYTES);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i).flatMap((seq) =>
    HOMES.map((key) => {
      const reading = JSON.parse(encodeReading(readingOf(key, seq)).toString()) as object;
      return { key, value: Buffer.from(JSON.stringify({ ...reading, note })) };
    }),
  );
}

function seqsIn(records: readonly NewRecord[], home: string): number[] {
  return records.filter(({ key }) => key === home).map(({ value }) => (JSON.parse(value.toString()) as { seq: number }).seq);
}

/** What the cloud says of each seq, where that is not what it must say. */
function differences(site: VirtualSite, home: string, lost: readonly number[]): string[] {
  const { covered, declared, readings } = site.held(home);
  const isGone = new Set(lost);
  const wrong: string[] = [];
  for (let seq = 1; seq <= LAST; seq++) {
    const isStored = covered.some(([from, to]) => from <= seq && seq <= to);
    const gap = declared.find(({ from, to }) => from <= seq && seq <= to);
    const said = isStored ? 'stored' : (gap?.reason ?? 'unknown');
    const expected = isGone.has(seq) ? 'missing in the log' : 'stored';
    if (said !== expected) wrong.push(`${home} ${seq}: ${said}, should be ${expected}`);
  }
  if (readings !== LAST - lost.length) wrong.push(`${home}: ${readings} readings, should be ${LAST - lost.length}`);
  return wrong;
}

test('records that the broker drops at its quota before an edge has them are declared missing, to the seq', async () => {
  const { dropped, lost, wrong, isDone } = await outage(QUOTA_BYTES_MIN);
  for (const home of HOMES) assert.ok((lost.get(home)?.length ?? 0) > 100, `${dropped} records were dropped`);
  assert.deepEqual(wrong, []);
  assert.equal(isDone, true, 'the run is done: each reading is stored or declared');
});

test('the control: with room in the topic nothing is dropped, and nothing is declared', async () => {
  const { dropped, lost, wrong, isDone } = await outage(4 * QUOTA_BYTES_MIN);
  assert.equal(dropped, 0);
  assert.deepEqual([...lost.values()], [[], []]);
  assert.deepEqual(wrong, []);
  assert.equal(isDone, true);
});

test('the control: a cloud that takes for stored what is lost is seen', async () => {
  const { wrong } = await outage(QUOTA_BYTES_MIN, (store) => new LossHidden(store));
  assert.match(wrong.join('\n'), /home-1 \d+: stored, should be missing in the log/);
});
