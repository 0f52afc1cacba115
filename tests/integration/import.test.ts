/** `fogline import` as people start it: from a folder and from a zip archive, with all that can be wrong with them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openHouseholdFolder } from '../../edge/simulator/models/household-folder.ts';
import { syntheticFile, syntheticHouseholds } from '../../edge/simulator/models/synthetic-household.ts';
import { zipOf } from '../doubles/zip-file.ts';

const ENTRY = fileURLToPath(new URL('../../fogline.ts', import.meta.url));
const COMMAND = ['--import', import.meta.resolve('tsx'), ENTRY, 'import'];
const HEADER = 'date,timestamp,energy,power,power1,power2,power3';
const ROW = '2019-12-24 00:00:01.982,1577145601982,90823166859000,249050,98090,111870,39090';
const folder = mkdtempSync(join(tmpdir(), 'fogline-import-'));
after(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  return spawnSync(process.execPath, [...COMMAND, ...args], { cwd: folder, encoding: 'utf8', timeout: 300_000 });
}

function put(path: string, body: string | Buffer): string {
  const at = join(folder, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, body);
  return at;
}

/** A replay file as the publisher would have it: without a title, with milliseconds in `date`. */
function originalOf(replay: string, separator: string): string {
  const [, ...lines] = replay.split('\n');
  const rows = lines.map((line) => {
    const fields = line.split(',');
    if (!/^\d+$/.test(fields[1] ?? '')) return line;
    return [new Date(Number(fields[1])).toISOString().replace('T', separator).replace('Z', ''), ...fields.slice(1)].join(',');
  });
  return rows.join('\n');
}

const replays = new Map(
  syntheticHouseholds(7)
    .slice(0, 3)
    .map((home) => [home.household, [...syntheticFile(home, 7)].join('')] as const),
);

test('a zip archive and a folder give the very replay files that the original was made from', async () => {
  const originals: Record<string, string> = {};
  for (const [household, replay] of replays) originals[`raw/${household}.csv`] = originalOf(replay, ' ');
  const archive = put('original.zip', zipOf({ 'raw/': '', ...originals, '__MACOSX/raw/._x.csv': 'junk', 'raw/licence.txt': 'words' }));
  for (const [name, text] of Object.entries(originals)) put(`original/${name}`, text.replaceAll('\n', '\r\n'));
  for (const source of [archive, join(folder, 'original')]) {
    const dir = join(folder, `replay-${source === archive}`);
    const { status, stdout, stderr } = run(source, dir, '--json');
    assert.equal(status, 0, stderr);
    const summary = JSON.parse(stdout);
    assert.deepEqual([summary.households, summary.quarantined, summary.datesDiffer, summary.late], [3, 0, 0, 0]);
    for (const [household, replay] of replays)
      assert.equal(readFileSync(join(dir, `${household}.csv`), 'utf8') === replay, true, household);
    assert.deepEqual(readdirSync(dir).sort(), [...replays.keys()].map((household) => `${household}.csv`).sort());
    assert.equal((await openHouseholdFolder(dir)).files.length, 3);
    assert.deepEqual(summary.passedOver, source === archive ? [{ file: 'raw/licence.txt', reason: summary.passedOver[0].reason }] : []);
  }
});

test('bad rows go to quarantine and are counted; sums of days are passed over; the text says all that', () => {
  const rows = [HEADER, ROW, '', 'a,b', ROW.replace('249050', 'NaN'), ROW.replace('00:00:01', '01:00:01'), `${ROW.slice(0, -4)}"x`];
  put('mixed/home-1.csv', `\uFEFF${rows.join('\n')}`);
  put('mixed/daily/home-1.csv', 'date,energy,power,power1,power2,power3\n2018-09-19,116379038911,331025,24488,215011,91526\n');
  put('mixed/home-2.csv', `${HEADER}\nnothing\n`);
  const { status, stdout, stderr } = run('mixed', 'mixed-replay');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^1 household, 2 rows, 2019-12-24T00:00:01\.982Z to /);
  assert.match(stdout, /^4 rows are no readings: .*quarantine\.jsonl$/m);
  assert.match(stdout, /^1 row with a date that is not the row's timestamp in UTC/m);
  assert.match(stdout, /^passed over: daily\/home-1\.csv \(its rows have a day and no time/m);
  assert.match(stdout, /there is no file for: home-2$/m);
  const text = readFileSync(join(folder, 'mixed-replay/quarantine.jsonl'), 'utf8');
  const kept = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { file: string; line: number; reason: string });
  assert.deepEqual(
    kept.map(({ file, line }) => `${file}:${line}`),
    ['home-1.csv:4', 'home-1.csv:5', 'home-1.csv:7', 'home-2.csv:2'],
  );
  assert.equal(existsSync(join(folder, 'mixed-replay/home-2.csv')), false);
  const strict = run('mixed', 'mixed-strict', '--set', 'simulation.on_bad_row=fail');
  assert.equal(strict.status, 4);
  assert.match(strict.stderr, /home-1\.csv, line 4: 2 columns instead of 7/);
});

test('nothing is replaced without --force, and what was there before stays as it was', () => {
  put('small/home.csv', `${HEADER}\n${ROW}\n`);
  const target = put('there/home.csv', 'precious');
  const refused = run('small', 'there');
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /home\.csv already there[\s\S]*--force/);
  assert.equal(readFileSync(target, 'utf8'), 'precious');
  assert.equal(run('small', 'there', '--force').status, 0);
  assert.equal(readFileSync(target, 'utf8'), `household\n${HEADER}\n${ROW.replace('.982', '')}\n`);
});

test('refused, with what and why, and nothing is written', () => {
  put('empty/home.csv', '');
  put('missing/home.csv', `${HEADER.replace(',power2', '')}\n`);
  put('twice/a/home.csv', `${HEADER}\n${ROW}\n`);
  put('twice/b/home.csv', `${HEADER}\n${ROW}\n`);
  put('named/my home.csv', `${HEADER}\n${ROW}\n`);
  put('none/readme.txt', 'words');
  put('inside/home.csv', `${HEADER}\n${ROW}\n`);
  put('long/home.csv', `${HEADER}\n${ROW}\n${'x'.repeat(3 << 20)}\n`);
  put('cut.zip', zipOf({ 'home.csv': `${HEADER}\n${ROW}\n` }).subarray(0, 90));
  put('locked.zip', zipOf({ 'home.csv': `${HEADER}\n${ROW}\n` }, { encrypted: true }));
  put('damaged.zip', zipOf({ 'home.csv': `${HEADER}\n${ROW}\n` }, { spoilChecksums: true }));
  const cases: [source: string, status: number, expected: RegExp][] = [
    ['nowhere', 4, /nowhere is not there/],
    ['empty', 4, /home\.csv, line 1, is empty/],
    ['missing', 4, /home\.csv, line 1, has no column power2/],
    ['twice', 4, /a\/home\.csv and b\/home\.csv are two files for one household/],
    ['named', 4, /my home\.csv names no household/],
    ['none', 4, /none has no file of readings; readme\.txt/],
    ['long', 4, /home\.csv, line 3, is a line of more than/],
    ['cut.zip', 4, /cut\.zip can not be unpacked/],
    ['locked.zip', 4, /home\.csv is encrypted/],
    ['damaged.zip', 4, /home\.csv can not be unpacked: its checksum is wrong/],
  ];
  for (const [source, status, expected] of cases) {
    const result = run(source, 'refused');
    assert.equal(result.status, status, `${source}: ${result.stderr}`);
    assert.match(result.stderr, expected);
    assert.match(result.stderr, /what to do: /);
    assert.deepEqual(existsSync(join(folder, 'refused')) ? readdirSync(join(folder, 'refused')) : [], [], source);
  }
  assert.match(run('inside', 'inside/out').stderr, /lies in inside/);
  put('file-in-the-way', 'words');
  const inTheWay = run('inside', 'file-in-the-way');
  assert.equal(inTheWay.status, 2);
  assert.match(inTheWay.stderr, /file-in-the-way can not be made/);
});

test('interrupted: no half file stays, and that is said', async () => {
  const row = `${ROW}\n`;
  put('large/home.csv', `${HEADER}\n${row.repeat(1_500_000)}`);
  const child = spawn(process.execPath, [...COMMAND, 'large', 'large-replay'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const hasBegun = () =>
    existsSync(join(folder, 'large-replay')) && readdirSync(join(folder, 'large-replay')).some((name) => name.endsWith('.part'));
  while (child.exitCode === null && !hasBegun()) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill('SIGINT');
  assert.equal(await ended, 130, stderr);
  assert.match(stderr, /interrupted: 0 of 1 files are finished/);
  assert.deepEqual(readdirSync(join(folder, 'large-replay')), []);
});

test('a meter usage file becomes one household of power alone, under the name that is asked for, and tells its interval', async () => {
  put(
    'usage.csv',
    'time,meterusage\n2019-01-01 00:15:00,45.6\n2019-01-01 00:30:00,NaN\n2019-01-01 00:45:00,x\n2019-01-01 01:00:00,58.68\n',
  );
  const { status, stdout, stderr } = run('usage.csv', 'usage-replay', '--household', 'flat-1');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^1 household, 2 rows, 2019-01-01T00:15:00\.000Z to 2019-01-01T01:00:00\.000Z/);
  assert.match(stdout, /^1 row without a reading \(NaN\)/m);
  assert.match(stdout, /^1 row is no reading: .*quarantine\.jsonl$/m);
  const rows = '2019-01-01 00:15:00,1546301700000,45600\n2019-01-01 01:00:00,1546304400000,58680\n';
  assert.equal(readFileSync(join(folder, 'usage-replay/flat-1.csv'), 'utf8'), `household\ndate,timestamp,power\n${rows}`);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'usage-replay/households.json'), 'utf8')), { 'flat-1': { intervalSeconds: 900 } });
  assert.equal((await openHouseholdFolder(join(folder, 'usage-replay'))).files.length, 1);
  put('two/a.csv', 'time,meterusage\n');
  put('two/b.csv', 'time,meterusage\n');
  assert.match(run('two', 'two-replay', '--household', 'flat-1').stderr, /--household names the household of one file/);
  assert.match(run('usage.csv', 'usage-3', '--household', 'a.b').stderr, /names no household/);
});
