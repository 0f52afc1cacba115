/**
 * Writes into outbox, broker or series store in a process of its own, with the production classes, and says on stdout what is promised:
 * `node announcing-writer.ts KIND FOLDER [NORMAL]`. With NORMAL the databases are deceived into synchronous=NORMAL: the
 * negative control of the power cuts.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { SqliteSeriesStore } from '../../cloud/server/storage/sqlite-series-store.ts';
import type { NewRecord } from '../../common/broker/broker.ts';
import { EmbeddedBroker } from '../../common/broker/embedded-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/logger.ts';
import { applyAck, type NewRow } from '../../common/protocol/edge-ledger.ts';
import { rangeOf } from '../../common/messages.ts';
import { EdgeStore } from '../../edge/server/edge-store.ts';
import { Edge, part, reading, WINDOW_MS } from '../contract/series-store-probes.ts';

/** Opened, filled and closed so often: names come and go. */
const SESSIONS = 3;
const BATCHES = 24;
const READINGS_PER_BATCH = 40;
/** Of each session but the last of `salvage`. */
const DAMAGED_BATCH = 13;
export const BROKER_TOPIC = 'readings';
export const QUOTA_BYTES = 64 << 20;
export const HOMES = ['home-a', 'home-b', 'home-c'];

/** Two readings in each window: so the last part is always open. */
export function readingAt(seq: number) {
  return reading(seq, { timeMs: 1_577_145_600_000 + seq * (WINDOW_MS / 2) });
}

export function recordAt(offset: number): string {
  return `record ${offset} ${'x'.repeat(offset % 97)}`;
}

/** Numbers of the records in the appends that are damaged between two sessions of `salvage`. */
export function isDamaged(number: number): boolean {
  const append = Math.floor(number / READINGS_PER_BATCH);
  return append < BATCHES * (SESSIONS - 1) && append % BATCHES === DAMAGED_BATCH;
}

function embeddedBroker(folder: string, isOnlyLooking: boolean): EmbeddedBroker {
  const options = { folder: join(folder, 'state/broker'), quotaBytes: QUOTA_BYTES, isOnlyLooking };
  return new EmbeddedBroker({ ...options, clock: systemClock, logger: silentLogger });
}

export function openStores(folder: string) {
  return {
    outbox: () => new EdgeStore({ folder: join(folder, 'state/edge'), quotaBytes: QUOTA_BYTES, windowMs: WINDOW_MS }),
    // A power cut is no damage: nothing may have to be mended after it.
    broker: () => embeddedBroker(folder, true),
    damagedBroker: () => embeddedBroker(folder, false),
    series: () => {
      const postalCodes = { assign: () => ({ postalCode: '10115', state: 'DE-BE', from: 'drawn' as const }) };
      return new SqliteSeriesStore({ stateDir: join(folder, 'state'), windowMs: WINDOW_MS, postalCodes, clock: systemClock });
    },
  };
}

function say(what: string, number: number): void {
  writeSync(1, `${what} ${number}\n`);
}

async function writeOutbox(folder: string): Promise<void> {
  let seq = 0;
  for (let session = 0; session < SESSIONS; session++) {
    const store = openStores(folder).outbox();
    store.start();
    for (let batch = 0; batch < BATCHES; batch++) {
      seq = await takeReadings(store, seq);
      say('taken', seq);
      if (batch % 3 === 2) say('acked', await acknowledgeSome(store));
      if (batch % 8 === 7) await trim(store);
    }
    store.stop();
  }
}

async function takeReadings(store: EdgeStore, lastSeq: number): Promise<number> {
  let seq = lastSeq;
  await store.exclusive(async () => {
    const { ledger } = store.ledgerStore;
    ledger.generations.set('home-a', 1);
    const rows: NewRow[] = [];
    for (let n = 0; n < READINGS_PER_BATCH; n++) {
      seq++;
      const step = ledger.takeReading(readingAt(seq), { partition: 0, offset: seq - 1 });
      if (step.kind !== 'taken') throw new Error(step.kind);
      rows.push(...step.rows);
    }
    store.commit(true, () => {
      for (const row of rows) store.outbox.insert(row, 1_000);
      store.ledgerStore.savePosition({ partition: 0, nextOffset: seq, logId: 'log', recordHash: '' });
    });
  });
  return seq;
}

async function acknowledgeSome(store: EdgeStore): Promise<number> {
  let last = 0;
  await store.exclusive(async () => {
    const [sourceId = 0] = store.outbox.unackedSources();
    const rows = store.outbox.queuedOf(sourceId, 0, READINGS_PER_BATCH);
    store.commit(false, () => {
      store.outbox.acknowledge(rows, 2_000);
      for (const { row } of rows) applyAck(store.ledgerStore.ledger, { kind: row.kind, range: rangeOf(row) });
    });
    for (const { row } of rows) last = Math.max(last, rangeOf(row).toSeq);
  });
  return last;
}

async function trim(store: EdgeStore): Promise<void> {
  await store.exclusive(async () => store.commit(false, () => void store.outbox.trimStep(0, Number.MAX_SAFE_INTEGER, 3_000, 50)));
  store.outbox.shrink();
}

function recordsFrom(number: number): NewRecord[] {
  return Array.from({ length: READINGS_PER_BATCH }, (_, i) => ({ key: 'home-a', value: Buffer.from(recordAt(number + i)) }));
}

async function writeBroker(folder: string): Promise<void> {
  let offset = 0;
  for (let session = 0; session < SESSIONS; session++) {
    const broker = openStores(folder).broker();
    await broker.start();
    await broker.ensureTopic(BROKER_TOPIC, { partitions: 1, retentionMs: 60_000 });
    for (let batch = 0; batch < BATCHES; batch++) {
      const records = recordsFrom(offset);
      const { baseOffset } = await broker.append(BROKER_TOPIC, 0, records);
      offset = baseOffset + records.length;
      say('appended', offset);
    }
    await broker.commit(BROKER_TOPIC, 'edge', [{ partition: 0, offset }]);
    say('committed', offset);
    await broker.stop();
  }
}

/** Between two sessions an append is damaged, a reader meets that, and the next start sets the file aside. */
async function writeSalvaged(folder: string): Promise<void> {
  let number = 0;
  for (let session = 0; session < SESSIONS; session++) {
    const broker = openStores(folder).damagedBroker();
    await broker.start();
    await broker.ensureTopic(BROKER_TOPIC, { partitions: 1, retentionMs: 60_000 });
    for (let batch = 0; batch < BATCHES; batch++) {
      const records = recordsFrom(number);
      await broker.append(BROKER_TOPIC, 0, records);
      number += records.length;
      say('appended', number);
    }
    if (session < SESSIONS - 1) await damage(broker, join(folder, 'state/broker/broker.db'));
    await broker.stop();
  }
}

async function damage(broker: EmbeddedBroker, file: string): Promise<void> {
  const database = new Database(file);
  const id = database.prepare('SELECT max(id) FROM batch').pluck().get() as number;
  database.prepare('UPDATE batch SET bytes = zeroblob(length(bytes)) WHERE id = ?').run(id - (BATCHES - 1 - DAMAGED_BATCH));
  database.close();
  const { endOffset } = await broker.logState(BROKER_TOPIC, 0);
  const met = await broker.read(BROKER_TOPIC, 0, 0, endOffset, endOffset).catch((error: unknown) => error);
  if ((met as { code?: string }).code !== 'BROKER_DAMAGED') throw new Error('the damage was not met');
}

async function writeSeries(folder: string): Promise<void> {
  let seq = 0;
  for (let session = 0; session < SESSIONS; session++) {
    const store = openStores(folder).series();
    await store.start();
    const edge = new Edge(store, `claim-${session}`);
    await edge.hello(HOMES, session);
    for (let batch = 0; batch < BATCHES; batch++) {
      const rows = HOMES.flatMap((household) => Array.from({ length: 10 }, (_, i) => part(seq + 1 + i, seq + 1 + i, { household })));
      const verdicts = await edge.verdicts(...rows);
      if (verdicts.some((verdict) => verdict !== 'stored')) throw new Error(verdicts.join());
      seq += 10;
      say('stored', seq);
    }
    await store.stop();
  }
}

/** What is read back says FULL, as the stores demand; what is done is NORMAL. */
function deceive(): void {
  const pragma = Reflect.get(Database.prototype, 'pragma') as Database.Database['pragma'];
  Database.prototype.pragma = function (this: Database.Database, source: string, options?: Database.PragmaOptions) {
    if (/^synchronous *= *FULL/.test(source)) return pragma.call(this, 'synchronous = NORMAL');
    if (source === 'synchronous') return 2;
    return pragma.call(this, source, options);
  };
}

const WRITERS: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  outbox: writeOutbox,
  broker: writeBroker,
  salvage: writeSalvaged,
  series: writeSeries,
};

const [program = '', kind = '', folder = '', sync] = process.argv.slice(1);
if (program === import.meta.filename) {
  if (sync === 'NORMAL') deceive();
  await (WRITERS[kind] as (folder: string) => Promise<void>)(folder);
}
