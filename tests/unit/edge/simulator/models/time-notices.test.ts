/** Times that are far from all others. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { openHouseholdFolder } from '../../../../../edge/simulator/models/household-folder.ts';
import { timeNotices } from '../../../../../edge/simulator/models/time-notices.ts';
import { DAY_MS, row, TestFolder } from './household-files.ts';

let folder: TestFolder;
beforeEach(() => {
  folder = new TestFolder();
});
afterEach(() => folder.remove());
const notices = async () => timeNotices((await openHouseholdFolder(folder.dir)).files);

test('a reading of 1970 or of the year 5138 is told with file and line; a day without readings is not', async () => {
  folder.write('a.csv', [row(0), row(2_000), row(86_400_000)]);
  assert.deepEqual(await notices(), []);
  folder.write('b.csv', [row(0), 'd,9,bad,1,2,3,4', row(2_000), row(1 - DAY_MS), row(4_000)]);
  folder.write('c.csv', [row(0), row(1e14 - DAY_MS), row(4_000)]);
  const [b, c, ...more] = await notices();
  assert.match(b ?? '', /b\.csv, line 6, has the time 1970-01-01T00:00:00\.001Z, 18254 days before the reading above it \(2019-12-24/);
  assert.match(c ?? '', /c\.csv, line 4, has the time 5138-.* after the reading above it/);
  assert.deepEqual(more, []);
});

test('a file that is far from the others as a whole is told', async () => {
  for (const name of ['a.csv', 'b.csv']) folder.write(name, [row(0), row(2_000)]);
  folder.write('c.csv', [row(1 - DAY_MS)]);
  const [only, ...more] = await notices();
  assert.match(only ?? '', /c\.csv begins at 1970-01-01.* before other households do/);
  assert.deepEqual(more, []);
});
