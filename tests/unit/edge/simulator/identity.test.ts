/** What a state belongs to, and which run a command is. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ConfigError, OperatingError } from '../../../../common/errors.ts';
import { type Identity, IdentityFile, runIdOf } from '../../../../edge/simulator/identity.ts';
import { type HouseholdFolder, openHouseholdFolder } from '../../../../edge/simulator/models/household-folder.ts';
import { DAY_MS, row, TestFolder } from './models/household-files.ts';

let data: TestFolder;
let state: string;
beforeEach(() => {
  data = new TestFolder();
  data.write('a.csv', [row(1_500), row(3_000)]);
  data.write('b.csv', [row(9_999), row(1_234)]);
  state = mkdtempSync(join(tmpdir(), 'fogline-identity-'));
});
afterEach(() => {
  data.remove();
  rmSync(state, { recursive: true, force: true });
});

async function establish(startSeconds = 0, loop = false): Promise<{ identity: Identity; folder: HouseholdFolder; run: string }> {
  const folder = await openHouseholdFolder(data.dir);
  const identity = new IdentityFile(state).establish({ folder, startSeconds, loop });
  return { identity, folder, run: runIdOf(identity, folder, DAY_MS + 60_000) };
}

function refuses(attempt: Promise<unknown>, reason: RegExp): Promise<void> {
  return assert.rejects(attempt, (error) => error instanceof ConfigError && reason.test(error.message) && error.remedy.includes('--fresh'));
}

describe('a state', () => {
  test('begins at the earliest reading of all, rounded down to a second, and stays there', async () => {
    const { identity } = await establish();
    assert.equal(identity.t0Ms, DAY_MS + 1_000);
    assert.equal(identity.passMs, 60_000, 'a pass of a loop begins at a full minute');
    appendFileSync(data.path('a.csv'), `${row(10)}\n`);
    assert.equal((await establish()).identity.t0Ms, DAY_MS + 1_000);
  });

  test('takes the same data again, also when a file grew', async () => {
    const first = await establish();
    assert.deepEqual((await establish()).identity, first.identity);
    appendFileSync(data.path('b.csv'), `${row(20_000)}\n`);
    assert.deepEqual((await establish()).identity, first.identity);
  });

  test('refuses another start, a loop, and other data', async () => {
    await establish();
    await refuses(establish(5), /starts at 0 s, not at 5 s/);
    await refuses(establish(0, true), /does not loop/);
    data.write('c.csv', [row(1)]);
    await refuses(establish(), /household c is not in it/);
    rmSync(data.path('c.csv'));
    data.write('a.csv', [row(1_501)]);
    await refuses(establish(), /the file of household a begins with another reading/);
    rmSync(data.path('a.csv'));
    await refuses(establish(), /the file of household a is missing/);
  });

  test('a file without a reading may get its first one later', async () => {
    data.write('c.csv', []);
    assert.equal((await establish()).identity.sources['c'], null);
    data.write('c.csv', [row(5)]);
    assert.match((await establish()).identity.sources['c'] ?? '', /^[0-9a-f]{8}$/);
  });

  test('a parked household may be missing; when it is back, the run is another one', async () => {
    const first = await establish();
    new IdentityFile(state).park(first.identity, 'a', 'its file is gone');
    rmSync(data.path('a.csv'));
    const without = await establish();
    assert.deepEqual(Object.keys(without.identity.parked), ['a']);
    data.write('a.csv', [row(1_500), row(3_000)]);
    const back = await establish();
    assert.deepEqual(back.identity.parked, {});
    assert.notEqual(back.run, first.run);
  });
});

describe('a run', () => {
  test('is the same for the same command on the same files, another for another end or longer files', async () => {
    const first = await establish();
    assert.equal((await establish()).run, first.run);
    assert.match(first.run, /^[0-9a-f]{12}$/);
    assert.notEqual(runIdOf(first.identity, first.folder, DAY_MS + 61_000), first.run);
    appendFileSync(data.path('b.csv'), `${row(20_000)}\n`);
    assert.notEqual((await establish()).run, first.run);
  });
});

describe('a folder', () => {
  const refused: [string, () => void, RegExp][] = [
    ['that is not there', () => data.remove(), /can not be read/],
    ['without a CSV file', () => ['a.csv', 'b.csv'].forEach((name) => rmSync(data.path(name))), /has no CSV file/],
    ['without a reading', () => ['a.csv', 'b.csv'].forEach((name) => data.write(name, ['bad'])), /has a reading/],
    ['with a name that is no id', () => data.write('my house.csv', [row(1)]), /my house\.csv names no household/],
    ['with a file that is none', () => writeFileSync(data.path('a.csv'), ''), /a\.csv is empty/],
  ];
  for (const [name, spoil, message] of refused) {
    test(`${name} is refused with what to do`, async () => {
      spoil();
      await assert.rejects(openHouseholdFolder(data.dir), (error) => {
        assert.ok(error instanceof OperatingError && error.code === 'DATA_UNREADABLE' && error.hint.length > 10);
        return message.test(error.message);
      });
    });
  }

  test('hidden files and other kinds are not households', async () => {
    writeFileSync(data.path('.hidden.csv'), 'x');
    writeFileSync(data.path('households.json'), '{}');
    const folder = await openHouseholdFolder(data.dir);
    assert.deepEqual(
      folder.files.map(({ household }) => household),
      ['a', 'b'],
    );
    assert.deepEqual([folder.minMs, folder.maxMs, folder.isSynthetic], [DAY_MS + 1_234, DAY_MS + 9_999, false]);
  });
});
