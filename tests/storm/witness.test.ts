/** The witness must speak up for each of the things that only it can see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppendResult, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import type { PartsRequest, ShippedRow, Verdict } from '../../common/messages.ts';
import { cloudWire, decodeRequest, encodeRequest } from '../../common/wire.ts';
import { lifeOf, markingWire, markPayload, withLife } from './life-marks.ts';
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

/** A witness, a store whose answers a test sets, and lives that ask it with claims of their own or with one. */
function livesAsking() {
  const witness = new Witness();
  const answer = { generation: 1, verdict: 'stored' as Verdict };
  const store = {
    hello: async () => [{ household: 'h', generation: answer.generation, postalCode: '', sources: [] }],
    append: async (): Promise<AppendResult> => ({
      verdicts: [{ verdict: answer.verdict }],
      postalCodes: {},
      generations: {},
      newest: [],
    }),
  };
  const watched = witness.watch(store as never as SeriesStore);
  const hello = (life: string, claim = life) =>
    watched.hello(withLife({ edge: 'e', epoch: 'p', claim, windowMs: 5_000, households: [] }, life));
  const ship = (life: string, row: ShippedRow, claim = life) =>
    watched.append(withLife({ claim, rows: [row] } as never as PartsRequest, life));
  return { witness, answer, hello, ship };
}

test('R5: a life that asks again keeps its generation, another one gets a higher one', async () => {
  const { witness, answer, hello, ship } = livesAsking();
  await hello('a');
  await hello('a');
  await ship('a', part(1, 1));
  answer.generation = 2;
  await hello('b');
  await ship('b', part(2, 2));
  assert.deepEqual(witness.findings, []);
  assert.equal(witness.sentPer1000, 1_000);
  await hello('c');
  assert.match(witness.findings.pop() ?? '', /^h: c got generation 2, b before it had 2$/);
  answer.generation = 5;
  await hello('c');
  assert.match(witness.findings.pop() ?? '', /^h: c asked again and got generation 5, it had 2$/);
});

test('two lives with one claim: the later one gets no higher generation, and what the earlier one sends is stored', async () => {
  const { witness, hello, ship } = livesAsking();
  await hello('a', 'the-only-one');
  await hello('b', 'the-only-one');
  assert.match(witness.findings.pop() ?? '', /^h: b got generation 1, a before it had 1$/);
  await ship('b', part(1, 1), 'the-only-one');
  assert.deepEqual(witness.findings, []);
  await ship('a', part(2, 2), 'the-only-one');
  assert.match(witness.findings.pop() ?? '', /seqs 2\.\.2 of a were stored, and b has taken its place/);
});

test('a life that another has taken the place of is served in no way; when the cloud is set back, the owner of then counts', async () => {
  const { witness, answer, hello, ship } = livesAsking();
  await hello('a');
  await ship('a', part(1, 2));
  const backup = witness.copy();
  answer.generation = 2;
  await hello('b');
  for (const verdict of ['duplicate', 'gap', 'overlap'] as const) {
    answer.verdict = verdict;
    await ship('a', part(1, 2));
    assert.match(witness.findings.pop() ?? '', new RegExp(`seqs 1\\.\\.2 of a were ${verdict}, and b has taken its place`));
  }
  answer.verdict = 'not_owner';
  await ship('a', part(1, 2));
  assert.deepEqual(witness.findings, []);
  witness.restore(backup);
  answer.verdict = 'duplicate';
  await ship('a', part(1, 2));
  assert.deepEqual(witness.findings, []);
  await ship('b', part(1, 2));
  assert.match(witness.findings.pop() ?? '', /of b were duplicate, and a has taken its place/);
});

test('the life of a request is known by its mark, also of one that was copied; by its claim when it has none', async () => {
  const request = { claim: 'c', rows: [] } as never as PartsRequest;
  assert.equal(lifeOf(request), undefined);
  assert.equal(lifeOf({ ...withLife(request, 'edge-1:7'), rows: [part(1, 1)] }), 'edge-1:7');
  const wire = markingWire(cloudWire(''));
  const hello = { edge: 'e', epoch: 'p', claim: 'c', windowMs: 5_000, households: [] };
  const payload = encodeRequest({ kind: 'hello', hello });
  markPayload(payload, 'edge-1:8');
  const read = wire.decode(payload) as { kind: 'hello'; hello: object };
  assert.equal(lifeOf(read.hello), 'edge-1:8');
  assert.equal(JSON.stringify(read), JSON.stringify(decodeRequest(payload)));
});
