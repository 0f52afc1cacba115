/** What every event log does. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { EventLog, NewEvent } from '../../cloud/server/storage/event-log.ts';

export interface EventLogUnderTest {
  /** @param eventsMax events kept beside those of alerts still raised */
  open: (t: TestContext, eventsMax: number) => Promise<EventLog>;
  /** The same log after a restart. */
  reopen: (log: EventLog) => Promise<EventLog>;
}

export function raised(subject: string, more: Partial<NewEvent> = {}): NewEvent {
  return { atMs: 1_000, change: 'raised', alert: 'edge-silent', subject, detail: 'why', ...more };
}

export function eventLogSuite(name: string, { open, reopen }: EventLogUnderTest): void {
  test(`${name}: events come back newest first, in pages, also after a restart`, async (t) => {
    const log = await open(t, 100);
    assert.deepEqual(await log.append([]), []);
    const first = await log.append([raised('a'), raised('b', { detail: 'it\'s "; DROP TABLE events; --\n\u001b[31m' })]);
    const second = await log.append([raised('a', { atMs: 2_000, change: 'cleared' })]);
    assert(first[0]!.id < first[1]!.id && first[1]!.id < second[0]!.id);
    const all = [...first, ...second].reverse();
    assert.deepEqual(await log.recent(10), all);
    assert.deepEqual(await log.recent(1, first[1]!.id), [first[0]]);
    const again = await reopen(log);
    assert.deepEqual(await again.recent(2), all.slice(0, 2));
    const [third] = await again.append([raised('c')]);
    assert(third!.id > second[0]!.id);
  });

  test(`${name}: open are those whose last event says so`, async (t) => {
    const log = await open(t, 100);
    await log.append([raised('a'), raised('b'), raised('', { alert: 'redis-down' })]);
    await log.append([raised('a', { change: 'cleared' }), raised('b', { change: 'cleared' }), raised('b', { atMs: 9 })]);
    const subjects = (await log.open()).map(({ alert, subject, atMs }) => [alert, subject, atMs]);
    assert.deepEqual(subjects, [
      ['redis-down', '', 1_000],
      ['edge-silent', 'b', 9],
    ]);
  });

  test(`${name}: there are not too many, and of what is still raised nothing is forgotten`, async (t) => {
    const log = await open(t, 10);
    await log.append([raised('still')]);
    for (let i = 0; i < 30; i++) await log.append([raised('x'), raised('x', { change: 'cleared' })]);
    const kept = await log.recent(1_000);
    assert.equal(kept.length, 11);
    assert.equal(kept.at(-1)?.subject, 'still');
    assert.deepEqual(
      (await log.open()).map(({ subject }) => subject),
      ['still'],
    );
  });

  test(`${name}: all events of one call or none`, async (t) => {
    const log = await open(t, 100);
    await assert.rejects(log.append([raised('a'), raised('b', { change: 'lost' as never })]));
    assert.deepEqual(await log.recent(10), []);
  });
}
