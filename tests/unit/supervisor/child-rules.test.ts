import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChildExit,
  FAILED_STARTS_MAX,
  HEALTHY_AFTER_MS,
  judgeExit,
  PORT_TAKEN_STARTS_MAX,
  UNREACHED_STARTS_MAX,
} from '../../../supervisor/child-rules.ts';

const crashed: ChildExit = { code: 1, signal: null, readyForMs: null, saidFinished: false, everReady: false, errorCode: null };
const killed: ChildExit = { code: null, signal: 'SIGKILL', readyForMs: 10, saidFinished: false, everReady: false, errorCode: null };

/** The waits between starts of a part that ends so again and again, until it gives up or `count` is reached. */
function waits(exit: ChildExit, count: number): (number | string)[] {
  const found: (number | string)[] = [];
  let failures = 0;
  for (let i = 0; i < count; i++) {
    const verdict = judgeExit(exit, failures, false);
    if (verdict.kind !== 'restart') return [...found, verdict.kind];
    found.push(verdict.waitMs);
    failures = verdict.failures;
  }
  return found;
}

test('restarts wait 0.2 s, twice as long each time, at most 5 s', () => {
  assert.deepEqual(waits(killed, 9), [200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
});

test('a part that was healthy begins with the short wait again', () => {
  assert.deepEqual(waits({ ...killed, readyForMs: HEALTHY_AFTER_MS }, 4), [200, 200, 200, 200]);
});

test('a part that never gets ready is given up after some starts, one that was ready never', () => {
  const tried = waits(crashed, 100);
  assert.equal(tried.length, FAILED_STARTS_MAX);
  assert.equal(tried.at(-1), 'gave_up');
  assert.deepEqual(judgeExit(crashed, FAILED_STARTS_MAX - 1, false), { kind: 'gave_up', exitCode: 3 });
  assert.equal(waits(killed, 1_000).length, 1_000);
});

test('usage and data errors are given up at once, with their own code', () => {
  for (const code of [2, 4]) {
    const verdict = judgeExit({ code, signal: null, readyForMs: 60_000, saidFinished: false, everReady: false, errorCode: null }, 0, true);
    assert.deepEqual(verdict, { kind: 'gave_up', exitCode: code });
  }
});

test('exit 0 is the end only for a part that may finish and has said that it is done', () => {
  const exit = { code: 0, signal: null, readyForMs: 5_000, saidFinished: true, everReady: false, errorCode: null };
  assert.equal(judgeExit({ ...exit, saidFinished: false }, 0, true).kind, 'restart');
  assert.equal(judgeExit(exit, 0, true).kind, 'finished');
  assert.equal(judgeExit(exit, 0, false).kind, 'restart');
});

test('exit 1 is the end after a part has said that it is done: it has left something out; before that it is an accident', () => {
  const exit = { code: 1, signal: null, readyForMs: 5_000, saidFinished: true, everReady: false, errorCode: null };
  assert.equal(judgeExit(exit, 0, true).kind, 'finished');
  assert.equal(judgeExit({ ...exit, saidFinished: false }, 0, true).kind, 'restart');
  assert.equal(judgeExit(exit, 0, false).kind, 'restart');
  assert.equal(judgeExit({ ...exit, code: null, signal: 'SIGKILL' }, 0, true).kind, 'restart');
});

test('a part that somebody stopped before its end starts again', () => {
  const exit = { code: 130, signal: null, readyForMs: 5_000, saidFinished: false, everReady: false, errorCode: null };
  for (const mayFinish of [true, false]) assert.equal(judgeExit(exit, 0, mayFinish).kind, 'restart');
});

test('a damaged store is given up at once, with exit code 1: no restart mends it', () => {
  for (const readyForMs of [null, 10, 60_000]) {
    const exit = { code: 1, signal: null, readyForMs, saidFinished: false, everReady: false, errorCode: 'STORE_DAMAGED' };
    for (const mayFinish of [true, false]) assert.deepEqual(judgeExit(exit, 0, mayFinish), { kind: 'gave_up', exitCode: 1 });
    for (const errorCode of ['DISK_FULL', 'OUTBOX_DAMAGED', 'BROKER_DAMAGED'])
      assert.equal(judgeExit({ ...exit, errorCode }, 0, true).kind, 'restart');
  }
});

test('a service that no start has reached is given up soon; one that was reached before gets longer', () => {
  const unreached = { ...crashed, code: 3, errorCode: 'BROKER_UNREACHABLE' };
  assert.equal(waits(unreached, 100).length, UNREACHED_STARTS_MAX);
  assert.equal(waits({ ...unreached, everReady: true }, 100).length, FAILED_STARTS_MAX);
});

test('a port that somebody took before the part ever listened is given up soon: others can be chosen', () => {
  const taken = { ...crashed, errorCode: 'PORT_TAKEN' };
  assert.equal(waits(taken, 100).length, PORT_TAKEN_STARTS_MAX);
  assert.equal(waits({ ...taken, everReady: true }, 100).length, FAILED_STARTS_MAX);
});

test('the waits between all starts of a part that never gets ready are 16 s', () => {
  const sum = waits(crashed, 100).reduce<number>((total, wait) => total + (typeof wait === 'number' ? wait : 0), 0);
  assert.equal(Math.round(sum / 1_000), 16);
});

test('a full disk is waited for by a part that has worked here, however long; on a first start it is told', () => {
  const exit = { code: 1, signal: null, readyForMs: null, saidFinished: false };
  for (const errorCode of ['DISK_FULL', 'BROKER_FULL']) {
    assert.equal(judgeExit({ ...exit, everReady: true, errorCode }, 1_000, false).kind, 'restart');
    assert.equal(judgeExit({ ...exit, everReady: false, errorCode }, 1_000, false).kind, 'gave_up');
  }
  assert.equal(judgeExit({ ...exit, everReady: true, errorCode: 'PORT_TAKEN' }, 1_000, false).kind, 'gave_up');
});
