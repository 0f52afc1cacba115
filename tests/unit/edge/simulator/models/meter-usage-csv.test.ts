import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptRow, columnsOf } from '../../../../../edge/simulator/models/gem-house-row.ts';
import { isMeterUsage, METER_USAGE_REPLAY_HEAD, meterUsageRowOf } from '../../../../../edge/simulator/models/meter-usage-csv.ts';

test('only the header of such a file is taken for it', () => {
  assert.equal(isMeterUsage(['time', 'meterusage']), true);
  for (const other of [['time'], ['time', 'usage'], ['time', 'meterusage', 'x'], []]) assert.equal(isMeterUsage(other), false);
});

test('a row becomes one of a replay file of power alone, which reads the value as it was written', () => {
  const header = METER_USAGE_REPLAY_HEAD.trim().split('\n')[1]!.split(',');
  const columns = columnsOf(header);
  assert(typeof columns !== 'string');
  for (const text of ['58.68', '45.6', '355.44', '0', '-3.1', '143']) {
    const row = meterUsageRowOf(['2019-01-02 03:00:00', text]);
    assert(typeof row === 'object' && 'line' in row);
    const accepted = acceptRow(row.line.trim().split(','), columns);
    assert.deepEqual(accepted, { timeMs: 1_546_398_000_000, values: { power: Number(text) } });
  }
});

test('NaN is a quarter without a reading; what is no reading is said', () => {
  assert.equal(meterUsageRowOf(['2019-01-17 02:45:00', 'NaN']), 'missing');
  assert.equal(meterUsageRowOf(['2019-01-17 02:45:00', '']), 'missing');
  assert.deepEqual(meterUsageRowOf(['2019-01-17 02:45:00']), { reason: '1 columns instead of 2' });
  assert.deepEqual(meterUsageRowOf(['2019-02-30 02:45:00', '1']), { reason: 'time is not a time like 2019-01-02 03:00:00' });
  for (const wrong of ['x', '1e400', 'Infinity', '0x10'])
    assert.deepEqual(meterUsageRowOf(['2019-01-17 02:45:00', wrong]), { reason: 'meterusage is not a finite number' });
});

test('a file has power alone or all columns', () => {
  assert.equal(columnsOf(['date', 'timestamp', 'power', 'power1']), 'no column energy, power2, power3');
  const columns = columnsOf(['power', 'timestamp']);
  assert(typeof columns !== 'string');
  assert.equal(acceptRow(['x', '1'], columns), 'power is not a finite number');
  assert.deepEqual(acceptRow(['1000', '1'], columns), { timeMs: 1, values: { power: 1 } });
});
