/** What the edge file's suite is made of. */
import type { NewRow } from '../../common/protocol/edge-ledger.ts';
import { closePart, openPart } from '../../common/protocol/window.ts';
import type { RowToShip } from '../../common/wire.ts';
import type { EdgeStore } from '../../edge/server/edge-store.ts';

export interface EdgeFileHarness {
  store: EdgeStore;
  /** Stops the store and starts one on the same file. */
  reopen(): EdgeStore;
  cleanup(): void;
}

const SOURCE = { device: 'meter', src: 'aa' };

export function partRow(household: string, seq: number, offset = seq): NewRow {
  const reading = { household, ...SOURCE, seq, timeMs: seq * 5_000, values: { energy: 1, power: 100 + seq } };
  return { kind: 'part', part: closePart(openPart(reading, 5_000)), partition: 0, offset };
}

export function gapRow(household: string, fromSeq: number, toSeq: number, offset = fromSeq): NewRow {
  return { kind: 'gap', gap: { household, ...SOURCE, fromSeq, toSeq, reason: 'test' }, partition: 0, offset };
}

export function change(store: EdgeStore, write: () => void, grows = false): Promise<void> {
  return store.exclusive(async () => store.commit(grows, write));
}

export function insert(store: EdgeStore, ...rows: NewRow[]): Promise<void> {
  const insertOne = (row: NewRow) => {
    store.ledgerStore.ledger.source(row.kind === 'part' ? row.part : row.gap);
    store.outbox.insert(row, 1_000);
  };
  return change(store, () => rows.forEach(insertOne), true);
}

export function sourceIdOf(store: EdgeStore, household: string): number {
  return store.outbox.sourceIdOf({ household, ...SOURCE });
}

/** What goes out of a row, its statistics as numbers: a file may keep them as text. */
function shipped(row: RowToShip): unknown {
  if (row.kind === 'gap') return { gap: row.gap };
  const { stats } = row.part;
  return { part: { ...row.part, stats: typeof stats === 'string' ? JSON.parse(stats) : stats } };
}

/** Everything that can be asked of the outbox and the ledger, to compare two moments or two files. */
export function everything({ outbox, ledgerStore }: EdgeStore, households: readonly string[]): unknown {
  const { ledger, positions, postalCodes, runs } = ledgerStore;
  const held = households.flatMap((household) => {
    const source = ledger.sources.get(`${household}/meter/aa`);
    if (source === undefined) return [];
    const id = outbox.queuedSources().get(`${household}/meter/aa`);
    const { seen, covered, declared, gapped, kept, keptDigest } = source;
    return [
      {
        household,
        sets: [seen, covered, declared, gapped, kept].map((set) => set.ranges()),
        keptDigest,
        queued: id === undefined ? [] : outbox.queuedOf(id, 0, -1).map(({ row, bytes }) => ({ row: shipped(row), hasSize: bytes > 0 })),
        some: id === undefined ? [] : outbox.queuedOf(id, 4, 3).map(({ row }) => shipped(row)),
        unacked: outbox.unacked(source).map(({ id: _id, ...row }) => row),
        outside: outbox.ackedOutside(source, source.covered, source.declared).map(({ id: _id, ...row }) => row),
      },
    ];
  });
  return {
    held,
    heads: outbox
      .heads()
      .map(({ partition, offset, windowStartMs }) => ({ partition, offset, windowStartMs }))
      .sort((a, b) => a.offset - b.offset || (a.windowStartMs ?? 0) - (b.windowStartMs ?? 0)),
    counts: [outbox.unackedCount, outbox.ackedCount],
    parts: outbox.partsAbove(0, 1_000).map(({ household, record }) => [household, JSON.parse(record.toString())]),
    positions: [...positions],
    postalCodes: [...postalCodes],
    generations: [...ledger.generations],
    parked: [...ledger.parked],
    runs: [...runs].map(([run, last]) => [run, [...last]]),
    states: ledgerStore.runStates(1),
    unreadable: [ledgerStore.unreadableCount(), ledgerStore.unreadableKept()],
    open: [...ledger.open].map(([partition, entries]) => [partition, [...entries]]),
  };
}
