/** The witness must speak up for each of the things that only it can see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppendResult, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import type { PartsRequest, ShippedRow, Verdict } from '../../common/messages.ts';
import { Witness } from './witness.ts';

const SOURCE = { household: 'h', device: 'meter', src: 's' };

function part(fromSeq: number, toSeq: number): ShippedRow {
  const count = toSeq - fromSeq + 1;
  const part = { ...SOURCE, fromSeq, toSeq, windowStartMs: 0, count, fields: [], stats: [], firstMs: 0, lastMs: 0, digest: '' };
  return { kind: 'part', part };
}

function gap(fromSeq: number, toSeq: number): ShippedRow {
  return { kind: 'gap', gap: { ...SOURCE, fromSeq, toSeq, reason: 'x' } };
}

/** What the witness finds when the store gives these verdicts. */
async function findings(...said: [ShippedRow, Verdict][]): Promise<{ witness: Witness; text: string }> {
  const witness = new Witness();
  const verdicts = said.map(([, verdict]) => ({ verdict }));
  const store = { append: async (): Promise<AppendResult> => ({ verdicts, postalCodes: {}, generations: {}, newest: [] }) };
  await witness.watch(store as never as SeriesStore).append({ rows: said.map(([row]) => row) } as never as PartsRequest);
  return { witness, text: witness.findings.join('\n') };
}

test('the usual answers are no findings', async () => {
  const { text } = await findings(
    [gap(1, 2), 'stored'],
    [part(3, 5), 'stored'],
    [part(3, 5), 'duplicate'],
    [gap(1, 1), 'duplicate'],
    [part(8, 9), 'gap'],
    [part(2, 2), 'stored'],
  );
  assert.equal(text, '');
});

test('a part that is stored before an earlier one', async () => {
  assert.match((await findings([part(1, 2), 'stored'], [part(4, 5), 'stored'])).text, /although seq 3 was neither/);
});

test('a seq that is stored twice', async () => {
  assert.match((await findings([part(1, 2), 'stored'], [part(2, 3), 'stored'])).text, /seq 2 was stored twice/);
});

test('a duplicate of what never came', async () => {
  assert.match((await findings([part(1, 2), 'stored'], [part(2, 3), 'duplicate'])).text, /seq 3 never came/);
  assert.match((await findings([gap(1, 2), 'stored'], [part(1, 2), 'duplicate'])).text, /seq 1 never came/);
});

test('an acknowledged seq that is not in the file after a crash, but for a cloud that was set back', async () => {
  const { witness } = await findings([part(1, 3), 'stored']);
  const backup = witness.copy();
  const holding = (to: number) => new Map([['h/meter/s', { covered: [[1, to]] as [number, number][], declared: [], readings: to }]]);
  witness.compareWithFile(holding(3));
  assert.deepEqual(witness.findings, []);
  witness.compareWithFile(holding(2));
  assert.match(witness.findings.join(), /seqs 3 were acknowledged and are not in the file/);
  witness.restore(backup);
  witness.compareWithFile(new Map());
  assert.equal(witness.findings.length, 2);
});

test('a claim that was given another generation, and rows of one that another has taken the place of', async () => {
  const witness = new Witness();
  let generation = 1;
  const store = {
    hello: async () => [{ household: 'h', generation, postalCode: '', sources: [] }],
    append: async (): Promise<AppendResult> => ({ verdicts: [{ verdict: 'stored' }], postalCodes: {}, generations: {}, newest: [] }),
  };
  const watched = witness.watch(store as never as SeriesStore);
  const hello = (claim: string) => watched.hello({ edge: 'e', epoch: 'p', claim, windowMs: 5_000, households: [] });
  await hello('a');
  await hello('a');
  await watched.append({ claim: 'a', rows: [part(1, 1)] } as never as PartsRequest);
  generation = 2;
  await hello('b');
  await watched.append({ claim: 'b', rows: [part(2, 2)] } as never as PartsRequest);
  assert.deepEqual(witness.findings, []);
  assert.equal(witness.sentPer1000, 1_000);
  await watched.append({ claim: 'a', rows: [part(3, 3)] } as never as PartsRequest);
  assert.match(witness.findings.pop() ?? '', /stored for a claim that another one has taken the place of/);
  await hello('c');
  assert.match(witness.findings.pop() ?? '', /another claim got generation 2/);
  generation = 5;
  await hello('c');
  assert.match(witness.findings.pop() ?? '', /a repeated claim got generation 5/);
});
