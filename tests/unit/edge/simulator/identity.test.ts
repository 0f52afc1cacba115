/** What a state belongs to, and which run a command is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ConfigError, OperatingError } from '../../../../common/errors.ts';
import { type Identity, IdentityFile, readParked, runIdOf } from '../../../../edge/simulator/identity.ts';
import { GemHouseReader, type OpenEnd } from '../../../../edge/simulator/models/gem-house-csv.ts';
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
  const file = new IdentityFile(state);
  const identity = file.establish({ folder, startSeconds, loop });
  file.keep(identity);
  return { identity, folder, run: runIdOf(identity, folder, DAY_MS + 60_000) };
}

function refuses(attempt: Promise<unknown>, reason: RegExp): Promise<void> {
  return assert.rejects(attempt, (error) => error instanceof ConfigError && reason.test(error.message) && error.remedy.includes('--fresh'));
}

function makePipe(path: string): void {
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
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

  test('of a scenario file is not one of the default scenario, nor of another file', async () => {
    const folder = await openHouseholdFolder(data.dir);
    const of = (scenario?: string) => {
      const file = new IdentityFile(state);
      const its = file.establish({ folder, startSeconds: 0, loop: false, ...(scenario && { scenario }) });
      file.keep(its);
      return its;
    };
    const identity = of('one');
    assert.deepEqual(of('one'), identity);
    for (const other of ['two', undefined]) await refuses((async () => of(other))(), /it is of another scenario/);
    const run = (its: Identity) => runIdOf(its, folder, DAY_MS);
    assert.notEqual(run(identity), run({ ...identity, scenario: 'two' }));
  });

  test('is bound to nothing before it is kept, and refuses a damaged file', async () => {
    const folder = await openHouseholdFolder(data.dir);
    new IdentityFile(state).establish({ folder, startSeconds: 5, loop: false });
    await establish();
    for (const text of ['', '{"version":1,"t0Ms":', '{}', '{"version":1,"t0Ms":1}', 'null']) {
      writeFileSync(join(state, 'identity.json'), text);
      await refuses(establish(), /identity\.json is damaged/);
      assert.equal(readFileSync(join(state, 'identity.json'), 'utf8'), text, 'it stays as it is');
    }
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
    assert.deepEqual(readParked(state), []);
    new IdentityFile(state).park(first.identity, 'a', 'its file is gone');
    assert.deepEqual(readParked(state), [{ household: 'a', reason: 'its file is gone' }]);
    rmSync(data.path('a.csv'));
    const without = await establish();
    assert.deepEqual(Object.keys(without.identity.parked), ['a']);
    data.write('a.csv', [row(1_500), row(3_000)]);
    const back = await establish();
    assert.deepEqual(back.identity.parked, {});
    assert.deepEqual(readParked(state), []);
    assert.notEqual(back.run, first.run);
  });
});

describe('a last row that was published without its line end', () => {
  const cut = row(3_000).slice(0, -2);
  const file = () => new IdentityFile(state);

  /** What is parked at the next start, after the file ended with the cut row and has become this. */
  async function parkedAfter(text: string): Promise<Record<string, string>> {
    rmSync(join(state, 'identity.json'), { force: true });
    const begin = readFileSync(data.path('a.csv'), 'utf8').split('\n').slice(0, 3).join('\n');
    writeFileSync(data.path('a.csv'), `${begin}\n${cut}`);
    const { identity } = await establish();
    const reader = new GemHouseReader(data.path('a.csv'));
    while (reader.read() !== undefined);
    assert.deepEqual(reader.openEnd, { line: 4, offset: begin.length + 1, text: cut });
    file().noteOpenEnd(identity, 'a', reader.openEnd as OpenEnd);
    writeFileSync(data.path('a.csv'), `${begin}\n${text}`);
    return (await establish()).identity.parked;
  }

  test('parks its household when it reads otherwise now, and no other one', async () => {
    for (const text of [`${row(3_000)}\n`, `${cut}9`, cut.slice(0, -1), `${cut.slice(0, -1)}\n${row(4_000)}\n`, '']) {
      const parked = await parkedAfter(text);
      assert.deepEqual(Object.keys(parked), ['a'], JSON.stringify(text));
      assert.match(parked['a'] ?? '', /a\.csv, line 4, had no line end when it was published, and reads otherwise now: .*--fresh/);
    }
  });

  test('is no trouble when it got its end, or when more came after that', async () => {
    for (const text of [cut, `${cut}\n`, `${cut}\r\n`, `${cut}\n${row(4_000)}\n`])
      assert.deepEqual(await parkedAfter(text), {}, JSON.stringify(text));
  });

  test('stays parked at each start, as the same run, until the row is as it was', async () => {
    await parkedAfter(row(3_000));
    const [again, oncemore] = [await establish(), await establish()];
    assert.deepEqual([Object.keys(again.identity.parked), again.run], [['a'], oncemore.run]);
    const text = readFileSync(data.path('a.csv'), 'utf8');
    writeFileSync(data.path('a.csv'), `${text.slice(0, -2)}\n`);
    assert.deepEqual((await establish()).identity.parked, {});
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
    [
      'without a reading',
      () => ['a.csv', 'b.csv'].forEach((name) => data.write(name, ['bad'])),
      /no file in .* has a reading; .*a\.csv, line 3: 1 columns instead of 7/,
    ],
    ['without a row', () => ['a.csv', 'b.csv'].forEach((name) => data.write(name, [])), /has a reading; no file has a row/],
    ['with a name that is no id', () => data.write('my house.csv', [row(1)]), /my house\.csv names no household/],
    ['with an empty file', () => writeFileSync(data.path('a.csv'), ''), /a\.csv, line 1, is empty/],
    ['with two files for one household', () => data.write('b.CSV', [row(1)]), /b\.CSV and .*b\.csv are two files for one household/],
    ['with another ending', () => data.write('c.Csv', [row(1)]), /c\.Csv does not end in \.csv/],
    ['with a folder that is named like a file', () => mkdirSync(data.path('c.csv')), /c\.csv is a folder, a pipe or a device/],
    ['with a pipe, at which a reader would hang', () => makePipe(data.path('c.csv')), /c\.csv is a folder, a pipe or a device/],
    ['with a link to nowhere', () => symlinkSync('nowhere', data.path('c.csv')), /c\.csv can not be opened \(ENOENT\)/],
    ['with a link to itself', () => symlinkSync('c.csv', data.path('c.csv')), /c\.csv can not be opened \(ELOOP\)/],
  ];
  if (process.platform === 'linux') {
    // Also for root, whom no permission keeps out.
    const spoil = () => symlinkSync('/proc/self/mem', data.path('c.csv'));
    refused.push(['with a file that can not be read', spoil, /c\.csv can not be read \(EIO\)/]);
  }
  for (const [name, spoil, message] of refused) {
    test(`${name} is refused with what to do`, async () => {
      spoil();
      await assert.rejects(openHouseholdFolder(data.dir), (error) => {
        assert.ok(error instanceof OperatingError && error.code === 'DATA_UNREADABLE' && error.hint.length > 10);
        assert.match(error.message, message);
        return true;
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
