import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HouseholdReply } from '../../../../../../cloud/server/api/api-types.ts';
import { filtered, listCsv, listRow, pageOf, sortValue } from '../../../../../../cloud/web/pages/households/list-rows.ts';

const LATEST_MS = Date.parse('2019-12-24T12:00:00Z');

function household(id: string, change: Partial<HouseholdReply> = {}): HouseholdReply {
  return {
    household: id,
    postalCode: '14467',
    postalCodeFrom: 'file',
    state: 'DE-BB',
    edge: 'edge-1',
    firstAt: '2019-12-24T00:00:00.000Z',
    lastAt: '2019-12-24T11:59:55.000Z',
    readings: 10,
    declaredMissing: 0,
    intervalSeconds: 5,
    windowsMissing: null,
    powerW: 100,
    powerAt: new Date(LATEST_MS).toISOString(),
    ...change,
  };
}

function row(id: string, change: Partial<HouseholdReply> = {}) {
  return listRow(household(id, change), { latestMs: LATEST_MS, windowSeconds: 5, stateName: 'Brandenburg' });
}

test('two windows behind is fresh, six are stale, without power there is no age', () => {
  const ages = [0, 10, 15, 25, 30, 3_600].map((seconds) => row('a', { powerAt: new Date(LATEST_MS - seconds * 1_000).toISOString() }).age);
  assert.deepEqual(ages, ['fresh', 'fresh', 'late', 'late', 'stale', 'stale']);
  assert.deepEqual([row('a', { powerAt: null }).age, row('a', { powerAt: null }).behindSeconds], ['none', null]);
});

test('a household that tells a value every quarter of an hour is late and stale by its quarters', () => {
  const at = (seconds: number) => row('a', { intervalSeconds: 900, powerAt: new Date(LATEST_MS - seconds * 1_000).toISOString() }).age;
  assert.deepEqual([1_800, 2_700, 5_399, 5_400].map(at), ['fresh', 'late', 'late', 'stale']);
});

test('filters go together; a search finds every word in any case, in id, place and edge', () => {
  const rows = [row('home-1'), row('home-2', { state: 'DE-BE', edge: 'edge-2' }), row('home-3', { powerAt: null, edge: null })];
  const all = { text: '', state: '', edge: '', age: '' };
  const ids = (filter: Partial<typeof all>) => filtered(rows, { ...all, ...filter }).map((its) => its.household);
  assert.deepEqual(ids({}), ['home-1', 'home-2', 'home-3']);
  assert.deepEqual(ids({ text: ' BERlin edge-2 ' }), ['home-2']);
  assert.deepEqual(ids({ text: '14467', state: 'DE-BB' }), ['home-1', 'home-3']);
  assert.deepEqual(ids({ age: 'none' }), ['home-3']);
  assert.deepEqual(ids({ edge: 'edge-2', state: 'DE-BB' }), []);
});

test('a state is found by its name in either language', () => {
  const rows = [row('home-1', { state: 'DE-BY' }), row('home-2', { state: 'DE-SN' })];
  const ids = (text: string) => filtered(rows, { text, state: '', edge: '', age: '' }).map((its) => its.household);
  assert.deepEqual([ids('bavaria'), ids('bayern'), ids('sachsen')], [['home-1'], ['home-1'], ['home-2']]);
});

test('parts of a list: one beyond the end is the last', () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => i);
  assert.deepEqual(pageOf(rows, 199, 50).rows.at(-1), 9_999);
  assert.deepEqual(pageOf(rows, 900, 50).page, 199);
  assert.deepEqual(pageOf(rows, Number.NaN, 50).page, 0);
  assert.deepEqual(pageOf([], 0, 50), { rows: [], page: 0, pages: 1 });
});

test('the CSV holds every column, no data as an empty cell', () => {
  const lines = listCsv([row('a', { powerW: null, powerAt: null })], 'dot').split('\n');
  assert.equal(lines[1], 'a,DE-BB,14467,file,edge-1,,,none,2019-12-24T00:00:00.000Z,2019-12-24T11:59:55.000Z,10,0,');
  assert.equal(lines[0]?.split(',').length, lines[1]?.split(',').length);
});

test('order: by event time, by name; what nobody owns comes last', () => {
  assert.equal(sortValue(row('a'), 'last'), Date.parse('2019-12-24T11:59:55Z'));
  assert.equal(sortValue(row('a', { edge: null }), 'edge'), null);
  assert.equal(sortValue(row('a'), 'no-column'), 'a');
});
