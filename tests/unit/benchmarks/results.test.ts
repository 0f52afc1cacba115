import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figure, isMissed, median, promiseText, valueText } from '../../../benchmarks/question.ts';
import { withFigures } from '../../../benchmarks/results.ts';

const figure = (value: number, more: Partial<Figure> = {}): Figure => ({ what: 'longest', value, unit: 's', ...more });
const atMost = (limit: number) => ({ promise: { is: '≤', limit } }) as const;
const below = (limit: number) => ({ promise: { is: '<', limit } }) as const;

test('a promise is met or missed, and a figure that is no number misses it', () => {
  const table: [Figure, boolean, string][] = [
    [figure(5, atMost(5)), false, '≤ 5 s: met'],
    [figure(5.01, atMost(5)), true, '≤ 5 s: missed'],
    [figure(5, below(5)), true, '< 5 s: missed'],
    [figure(-5, below(5)), false, '< 5 s: met'],
    [figure(Number.NaN, atMost(5)), true, '≤ 5 s: missed'],
    [figure(Number.NaN, below(5)), true, '< 5 s: missed'],
    [figure(9), false, ''],
  ];
  for (const [its, missed, text] of table) assert.deepEqual([isMissed(its), promiseText(its)], [missed, text]);
});

test('figures are written with three digits that mean something, thousands apart', () => {
  const texts = [0.126, 2.345, 23.45, 234.5, 1_234.5, 1_234_567.8, -1_234.5].map((value) => valueText(figure(value)));
  assert.deepEqual(texts, ['0.13 s', '2.35 s', '23.4 s', '235 s', '1,235 s', '1,234,568 s', '-1,235 s']);
});

test('the median of odd and even counts', () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])], [2, 2.5, 7]);
});

test('a question replaces its own rows; the rest of the file and of the table stays', () => {
  let text = '# Figures\n\nIn words.\n';
  text = withFigures(text, 'one class', 'idle', [figure(1, { what: 'edge' }), figure(2, { what: 'cloud' })], 'Monday');
  text = withFigures(text, 'one class', 'csv-parse', [figure(3)], 'Monday');
  text = withFigures(`${text}\nWhat limits what.\n`, 'one class', 'idle', [figure(9, atMost(5))], 'Tuesday');
  assert.equal(
    text,
    [
      '# Figures',
      '',
      'In words.',
      '',
      '<!-- written by npm run bench, from here -->',
      '',
      'Machine: one class.',
      '',
      '| question | what | figure | promise | taken |',
      '| --- | --- | --- | --- | --- |',
      '| csv-parse | longest | 3.00 s |  | Monday |',
      '| idle | longest | 9.00 s | ≤ 5 s: missed | Tuesday |',
      '',
      '<!-- to here -->',
      '',
      'What limits what.',
      '',
    ].join('\n'),
  );
});

test('figures of another class of machine are not mixed in', () => {
  const one = withFigures('', 'one class', 'idle', [figure(1)], 'Monday');
  const other = withFigures(one, 'another class', 'memory', [figure(2)], 'Tuesday');
  assert.ok(other.includes('Machine: another class.') && !other.includes('idle') && other.includes('| memory |'));
});
