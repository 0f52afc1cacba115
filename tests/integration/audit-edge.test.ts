/** Whatever is changed in the files, the topic or the edge's outbox, `fogline audit` says no and names household, stage and window. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { STATS_PER_FIELD } from '../../common/messages.ts';
import { Fleet } from '../crash/fleet.ts';
import {
  assertNamed,
  assertSameAtEveryStage,
  assertYes,
  audit,
  cleanUp,
  copyOf,
  dataDir,
  fogline,
  folder,
  inFile,
  newPath,
  prepare,
  run,
  whole,
} from '../doubles/audited-run.ts';
import { writeMeteredData } from '../truth/metered-data.ts';

const WINDOW_MS = 5_000;
const MILLIWATT = 0.001;

before(prepare);
after(cleanUp);

// ---- tampering with the source -----------------------------------------------------------------------------

/** A copy of the files in which one line of home-1 is changed. */
function changedData(change: (lines: string[]) => void): string {
  const data = newPath();
  cpSync(dataDir, data, { recursive: true });
  const path = join(data, 'home-1.csv');
  const lines = readFileSync(path, 'utf8').split('\n');
  change(lines);
  writeFileSync(path, lines.join('\n'));
  return data;
}

test('no: a source row removed', () => {
  let window = 0;
  const data = changedData((lines) => {
    const [row] = lines.splice(500, 1);
    window = Math.floor(Number(row?.split(',')[1]) / WINDOW_MS) * WINDOW_MS;
  });
  const report = audit(whole, data);
  assertNamed(report, { household: 'home-1', stage: 'cloud', window });
  assertNamed(report, { household: 'home-1', stage: 'topic' });
  assertNamed(report, { household: 'home-1', stage: 'edge' });
});

test('no: a source row changed by 1 mW, the first row removed, a file missing', () => {
  const changed = changedData((lines) => {
    const cells = (lines[500] as string).split(',');
    lines[500] = cells.with(3, String(Number(cells[3]) + 1)).join(',');
  });
  assertNamed(audit(whole, changed), { household: 'home-1', stage: 'cloud', what: /power: / });
  const headless = changedData((lines) => lines.splice(2, 1));
  assertNamed(audit(whole, headless), { household: 'home-1', stage: 'source', what: /is no source of the file/ });
  const missing = changedData(() => undefined);
  rmSync(join(missing, 'home-1.csv'));
  assertNamed(audit(whole, missing), { household: 'home-1', stage: 'cloud', what: /no file/ });
});

test('no: a row of the files that never came into the topic', () => {
  let window = 0;
  const data = changedData((lines) => {
    const cells = (lines.at(-2) as string).split(',');
    const timeMs = Number(cells[1]) + 1;
    window = Math.floor(timeMs / WINDOW_MS) * WINDOW_MS;
    lines.splice(-1, 0, cells.with(1, String(timeMs)).join(','));
  });
  assertNamed(audit(whole, data), { household: 'home-1', stage: 'topic', window, what: /are not in the topic/ });
});

test('no: rows that are no readings, and were not set aside', () => {
  const state = copyOf(whole);
  const path = join(state, 'simulator/quarantine.jsonl');
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  assert.equal(lines.length, 6);
  writeFileSync(path, `${lines.slice(1).join('\n')}\n`);
  const { file } = JSON.parse(lines[0] as string) as { file: string };
  const household = /home-\d/.exec(file)?.[0] as string;
  assertNamed(audit(state), { household, stage: 'source', what: /was not set aside/ });
});

test('yes: a last line that is no reading, and that the run did not come to', () => {
  const [data, state, longer] = [newPath(), newPath(), newPath()];
  writeMeteredData(data, { households: 1, seconds: 300, seed: 3 });
  const path = join(data, 'home-1.csv');
  const text = readFileSync(path, 'utf8').trimEnd();
  writeFileSync(path, text.slice(0, text.lastIndexOf(',')));
  run(state, data, '--until', '250');
  assertYes(audit(state, data));
  // A run that comes to it has set it aside, or else the audit says so.
  run(longer, data);
  assertYes(audit(longer, data));
  const quarantine = join(longer, 'simulator/quarantine.jsonl');
  const lines = readFileSync(quarantine, 'utf8').trim().split('\n');
  writeFileSync(quarantine, `${lines.slice(0, -1).join('\n')}\n`);
  assertNamed(audit(longer, data), { household: 'home-1', stage: 'source', what: /was not set aside/ });
});

test('no: power in another unit than the register', () => {
  const data = join(folder, 'wrong-unit');
  cpSync(dataDir, data, { recursive: true });
  const path = join(data, 'home-3.csv');
  const scaled = (line: string) => {
    const cells = line.split(',');
    return /^\d+$/.test(cells[1] ?? '') ? cells.with(3, String(Number(cells[3]) * 1.1)).join(',') : line;
  };
  writeFileSync(path, readFileSync(path, 'utf8').split('\n').map(scaled).join('\n'));
  const state = join(folder, 'wrong-unit-state');
  run(state, data);
  assertNamed(audit(state, data), { household: 'home-3', stage: 'source', what: /register/ });
});

// ---- tampering with topic and edge -------------------------------------------------------------------------

/** A run whose cloud is gone before the end: the rest waits in the outbox of an edge that is stopped. */
async function interrupted(use: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = new Fleet({ dataDir, speed: '400' });
  try {
    await fleet.open();
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 50);
    await fleet.kill('cloud');
    await fleet.ended('simulate');
    await fleet.until('rows wait', ({ queued, sent }) => queued + sent > 300);
    await fleet.until('the end mark is taken in', ({ runs }) => runs.some(({ ended }) => ended));
    await fleet.kill('edge');
    await use(fleet);
  } finally {
    await fleet.stop();
  }
}

/** Deletes a row that is not acked, from the middle of those of home-2. */
function deleteUnacked(stateDir: string): number {
  let window = 0;
  inFile(join(stateDir, 'edge/outbox.db'), (database) => {
    const rows = database
      .prepare(
        `SELECT outbox.id AS id, window_start_ms AS windowStartMs FROM outbox JOIN sources ON sources.id = source_id
         WHERE household = 'home-2' AND state < 4 ORDER BY from_seq`,
      )
      .all() as { id: number; windowStartMs: number }[];
    const victim = rows[Math.floor(rows.length / 2)] as { id: number; windowStartMs: number };
    window = victim.windowStartMs;
    for (const table of ['outbox', 'outbox_bodies']) database.prepare(`DELETE FROM ${table} WHERE id = ?`).run(victim.id);
  });
  return window;
}

test('an edge row deleted before its ack: no while the edge is stopped, and it heals when the edge runs', async () => {
  await interrupted(async (fleet) => {
    const before = audit(fleet.stateDir);
    assertYes(before);
    assert.ok(before.waiting > 500, 'readings wait at the edge, and the audit says so');
    const window = deleteUnacked(fleet.stateDir);
    assertNamed(audit(fleet.stateDir), { household: 'home-2', stage: 'edge', window, what: /the outbox has lost/ });
    fleet.start('cloud');
    fleet.start('edge');
    fleet.start('simulate');
    await fleet.untilDone();
    const healed = audit(fleet.stateDir);
    assertYes(healed);
    assertSameAtEveryStage(healed);
  });
});

test('yes: a topic that was set aside lacks what the edge has taken in; no, when the outbox has lost it too', async () => {
  await interrupted(async (fleet) => {
    inFile(join(fleet.stateDir, 'broker/broker.db'), (database) => {
      database.exec("DELETE FROM batch; UPDATE log SET earliest_offset = 0, end_offset = 0, log_id = log_id || 'x'; DELETE FROM committed");
    });
    const report = audit(fleet.stateDir);
    assertYes(report);
    assert.ok(report.waiting > 500);
    const window = deleteUnacked(fleet.stateDir);
    assertNamed(audit(fleet.stateDir), { household: 'home-2', stage: 'edge', window, what: /the outbox has lost/ });
  });
});

test('no: a value of a waiting row changed by 1 mW, running totals changed, marked as acknowledged', async () => {
  await interrupted(async (fleet) => {
    const changed = copyOf(fleet.stateDir);
    inFile(join(changed, 'edge/outbox.db'), (database) => {
      const id = "(SELECT max(outbox.id) FROM outbox JOIN sources ON sources.id = source_id WHERE household = 'home-1' AND state < 4)";
      const stats = JSON.parse(database.prepare(`SELECT stats FROM outbox_bodies WHERE id = ${id}`).pluck().get() as string) as number[];
      stats[STATS_PER_FIELD] = (stats[STATS_PER_FIELD] as number) + MILLIWATT;
      database.prepare(`UPDATE outbox_bodies SET stats = ? WHERE id = ${id}`).run(JSON.stringify(stats));
    });
    assertNamed(audit(changed), { household: 'home-1', stage: 'edge', what: /power: mean/ });
    const totals = copyOf(fleet.stateDir);
    inFile(join(totals, 'edge/outbox.db'), (database) => database.exec('UPDATE sources SET readings = readings - 1 WHERE id = 1'));
    assert.ok(audit(totals).refusals.some(({ stage, what }) => stage === 'edge' && what.includes('totals')));
    const acked = copyOf(fleet.stateDir);
    inFile(join(acked, 'edge/outbox.db'), (database) => {
      const id = "(SELECT max(outbox.id) FROM outbox JOIN sources ON sources.id = source_id WHERE household = 'home-1' AND state < 4)";
      assert.equal(database.prepare(`UPDATE outbox SET state = 4 WHERE id = ${id}`).run().changes, 1);
    });
    const what = /row \d+ of the outbox is marked as acknowledged for \d+ readings, which the cloud has not/;
    assertNamed(audit(acked), { household: 'home-1', stage: 'edge', what });
  });
});

/** As retention does it: whole appends, the oldest first. */
function trimTopic(stateDir: string, appendsGone: number): void {
  inFile(join(stateDir, 'broker/broker.db'), (database) => {
    const logs = "SELECT id FROM log WHERE topic_id = (SELECT id FROM topic WHERE name = 'power_topic')";
    for (const log of database.prepare(logs).pluck().all() as number[]) {
      const oldest = database.prepare('SELECT id, base_offset + count AS next FROM batch WHERE log = ? ORDER BY base_offset LIMIT ?');
      for (const { id, next } of oldest.all(log, appendsGone) as { id: number; next: number }[]) {
        database.prepare('DELETE FROM batch WHERE id = ?').run(id);
        database.prepare('UPDATE log SET earliest_offset = ? WHERE id = ?').run(next, log);
      }
    }
  });
}

test('a topic whose beginning is gone is compared from its start', () => {
  const trimmed = copyOf(whole);
  trimTopic(trimmed, 1);
  const report = audit(trimmed);
  const text = fogline('audit', '--state', trimmed, '--data', dataDir).stdout;
  assertYes(report);
  assert.match(text, /the topic is trimmed; it is compared from its start/);
  assert.ok(report.devices.some(({ topic, source }) => (topic?.readings ?? 0) < (source?.readings ?? 0)));
});

test('a topic that is gone as a whole: the edge remembers where the run ended', () => {
  const emptied = copyOf(whole);
  trimTopic(emptied, 1_000_000);
  const report = audit(emptied);
  assertYes(report);
  assert.equal(report.run, 'ended');
  assert.ok(report.devices.every(({ topic, source, cloud }) => topic === null && source?.readings === cloud?.readings));
});
