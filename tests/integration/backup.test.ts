/** `fogline backup` and `restore` on a run that has ended and on copies of it: what comes back, and everything that is refused, by name. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { MANIFEST_FILE, manifestText, parseManifest } from '../../backup/manifest.ts';
import { DATABASES, partOfPath } from '../../backup/state-files.ts';
import { Progress } from '../../backup/progress.ts';
import { systemClock } from '../../common/clock.ts';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { identityOf } from '../../common/process-identity.ts';
import { RESTORE_FOLDER } from '../../common/unfinished-restore.ts';
import { assertYes, audit, cleanUp, copyOf, fogline, inFile, newPath, prepare, whole } from '../doubles/audited-run.ts';
import { backUp, restoreInto, stoppedBy, treeOf } from '../doubles/backups.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';

const NOT_BACKED_UP = /^(logs|run\.lock|broker\/(doorbell|opening\.lock)|cloud\/process\.(lock|json)|.*-(wal|shm)$)/;
let made: string;

before(async () => {
  prepare();
  made = newPath();
  await backUp(whole, made);
});
after(cleanUp);

const told = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof OperatingError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  assert.notEqual(error.hint, '');
  return true;
};
const refused =
  (message: RegExp, remedy = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, message);
    assert.match(error.remedy, remedy);
    return true;
  };

test('the whole state comes back elsewhere, and the audit agrees; the commands say what they did', () => {
  const [dir, state] = [newPath(), newPath()];
  const backup = fogline('backup', dir, '--state', whole, '--json');
  assert.equal(backup.status, 0, backup.stderr);
  const { parts, bytes, seconds } = JSON.parse(backup.stdout) as { parts: string[]; bytes: number; seconds: number };
  assert.deepEqual(parts, ['edge', 'cloud']);
  assert.ok(bytes > 100_000 && seconds > 0);
  assert.match(backup.stderr, /^copying \d+\.\d MB$/m);
  const restored = fogline('restore', dir, '--state', state);
  assert.equal(restored.status, 0, restored.stderr);
  assert.match(restored.stdout, /restored into .*\n {2}edge and cloud as of .*, all of it sound/);
  assertYes(audit(state));
  const [before_, after_] = [treeOf(whole), treeOf(state)];
  for (const [path, content] of before_) {
    if (NOT_BACKED_UP.test(path)) continue;
    assert.ok(after_.has(path), path);
    if (!path.endsWith('.db')) assert.equal(after_.get(path), content, path);
  }
  assert.deepEqual(
    [...after_.keys()].filter((path) => partOfPath(path) === undefined && !NOT_BACKED_UP.test(path)),
    [],
  );
});

test('only its owner may read a backup; what comes back has the permissions that it had', async () => {
  const [copy, dir, state] = [copyOf(whole), newPath(), newPath()];
  writeFileSync(join(copy, 'cloud/tokens.json'), '{"tokens":[]}', { mode: 0o600 });
  chmodSync(join(copy, 'cloud/series.db'), 0o640);
  await backUp(copy, dir);
  for (const path of treeOf(dir).keys()) assert.equal(statSync(join(dir, path)).mode & 0o077, 0, path);
  assert.equal(statSync(dir).mode & 0o077, 0);
  await restoreInto(state, dir);
  assert.equal(statSync(join(state, 'cloud/tokens.json')).mode & 0o777, 0o600);
  assert.equal(statSync(join(state, 'cloud/series.db')).mode & 0o777, 0o640);
});

test('a part alone: from a state with one, from a state with both, and out of a backup of both', async () => {
  const [cloudOnly, edgeState, dir] = [newPath(), newPath(), newPath()];
  const { parts } = await backUp(whole, dir, { part: 'cloud' });
  assert.deepEqual(parts, ['cloud']);
  await restoreInto(cloudOnly, dir);
  assert.deepEqual(readdirSync(cloudOnly), ['cloud']);
  const again = newPath();
  assert.deepEqual((await backUp(cloudOnly, again)).parts, ['cloud']);
  await restoreInto(edgeState, made, { part: 'edge' });
  assert.equal(existsSync(join(edgeState, 'cloud')), false);
  // Both halves into one state make the whole again.
  await restoreInto(edgeState, dir);
  assertYes(audit(edgeState));
  await assert.rejects(backUp(cloudOnly, newPath(), { part: 'edge' }), told('DATA_UNREADABLE', /nothing of an edge/));
  await assert.rejects(backUp(newPath(), newPath()), told('DATA_UNREADABLE', /nothing to back up/));
  await assert.rejects(restoreInto(newPath(), dir, { part: 'edge' }), refused(/holds nothing of part edge/, /cloud/));
});

test('every file of a backup: missing, cut, longer, one bit flipped: refused by its name, and nothing is begun', async () => {
  const files = parseManifest(readFileSync(join(made, MANIFEST_FILE), 'utf8')).files.filter(({ bytes }) => bytes > 0);
  assert.ok(files.length >= 10);
  const hurts: [string, (path: string, bytes: number) => void][] = [
    ['is missing', (path) => rmSync(path)],
    ['bytes, it had', (path, bytes) => truncateSync(path, bytes - 1)],
    ['bytes, it had', (path) => appendFileSync(path, 'x')],
    ['SHA-256', (path, bytes) => flipBit(path, bytes >> 1)],
  ];
  for (const { path, bytes } of files) {
    for (const [word, hurt] of hurts) {
      const [dir, state] = [copyOf(made), newPath()];
      hurt(join(dir, path), bytes);
      await assert.rejects(restoreInto(state, dir), told('DATA_UNREADABLE', new RegExp(`${path}.*${word}`)));
      assert.equal(existsSync(state), false);
      rmSync(dir, { recursive: true });
    }
  }
});

test('a manifest that is missing, cut, changed or of a newer program', async () => {
  const text = readFileSync(join(made, MANIFEST_FILE), 'utf8');
  const { sha256: _sha256, ...manifest } = JSON.parse(text);
  const texts: [string, RegExp][] = [
    [text.slice(0, text.length >> 1), /cut short/],
    [text.replace(/"bytes": (\d+)/, '"bytes": 1$1'), /checksum does not hold/],
    [manifestText({ ...manifest, files: [{ ...manifest.files[0], path: '../../evil', part: undefined }] }), /names what no backup/],
    [manifestText({ ...manifest, files: [{ ...manifest.files[0], path: 'run.lock' }] }), /names what no backup/],
    ['{}', /checksum does not hold/],
    ['null', /checksum does not hold/],
  ];
  for (const [content, message] of texts) {
    const dir = copyOf(made);
    writeFileSync(join(dir, MANIFEST_FILE), content);
    await assert.rejects(restoreInto(newPath(), dir), told('DATA_UNREADABLE', message));
  }
  const dir = copyOf(made);
  rmSync(join(dir, MANIFEST_FILE));
  await assert.rejects(restoreInto(newPath(), dir), refused(/no backup\.json/));
  writeFileSync(join(dir, MANIFEST_FILE), manifestText({ ...manifest, layout: 2 }));
  await assert.rejects(restoreInto(newPath(), dir), refused(/layout is 2/, /newer/));
  const files = manifest.files.map((file: { schema?: number }) => (file.schema === undefined ? file : { ...file, schema: 99 }));
  writeFileSync(join(dir, MANIFEST_FILE), manifestText({ ...manifest, files }));
  await assert.rejects(restoreInto(newPath(), dir), refused(/has schema 99/, /newer/));
});

test('a database that fits its manifest and is not sound: SQLite and the seals are asked once more', async () => {
  const cases: [string, string, RegExp][] = [
    ['cloud/series.db', 'UPDATE parts SET last_ms = last_ms + 1 WHERE from_seq = 1', /series\.db.*home-\d\/meter, window/],
    ['edge/outbox.db', 'UPDATE outbox_bodies SET last_ms = last_ms + 1 WHERE id = 1', /outbox\.db.*a row of the outbox: seqs 1 to/],
    ['broker/broker.db', 'UPDATE batch SET seal = seal + 1 WHERE id = 2', /broker\.db.*checksum does not hold/],
    ['cloud/series.db', '', /series\.db is damaged/],
  ];
  for (const [path, change, message] of cases) {
    const dir = copyOf(made);
    if (change === '') zeroPage(join(dir, path));
    else new Database(join(dir, path)).exec(change).close();
    forge(dir);
    await assert.rejects(restoreInto(newPath(), dir), told('DATA_UNREADABLE', message));
    await assert.rejects(restoreInto(newPath(), dir, { checkOnly: true }), told('DATA_UNREADABLE', message));
  }
  const untouched = copyOf(made);
  forge(untouched);
  assert.equal((await restoreInto(newPath(), untouched, { checkOnly: true })).outcome, 'checked');
});

test('a state with damage is not backed up unless that is asked for, and every kind of row is looked at', async () => {
  const rows: [string, string, RegExp][] = [
    ['cloud/series.db', 'UPDATE parts SET digest_low = digest_low + 1 WHERE from_seq = 1', /window/],
    ['cloud/series.db', "UPDATE households SET postal_code = '00000' WHERE id = 1", /household home-/],
    ['cloud/series.db', 'UPDATE sources SET readings = readings + 1 WHERE id = 1', /source .* of home-/],
    ['cloud/series.db', 'UPDATE devices SET seal = seal + 1 WHERE id = 1', /hold: home-\d, meter/],
    ['cloud/series.db', 'UPDATE series SET energy_ws = energy_ws + 1 WHERE id = 1', /the totals of home-/],
    [
      'cloud/series.db',
      "INSERT INTO gaps (source_id, from_seq, to_seq, reason, seal) VALUES (1, 900001, 900002, 'x', 7)",
      /the gap 900001 to/,
    ],
    ['edge/outbox.db', 'UPDATE outbox SET to_seq = to_seq + 1 WHERE id = 1', /a row of the outbox/],
    ['edge/outbox.db', 'UPDATE sources SET readings = readings + 1 WHERE id = 1', /what is known of home-/],
    ['edge/outbox.db', "INSERT INTO open_parts VALUES ('home-9', 'meter', 0, 0, '{}', 7)", /the open part of home-9/],
    ['edge/outbox.db', "UPDATE households SET postal_code = '00000'", /what the edge knows of household home-/],
    ['edge/outbox.db', 'UPDATE positions SET next_offset = next_offset + 1', /how far partition \d+ was read/],
    ['edge/outbox.db', "INSERT INTO runs VALUES ('r', 0, '[]', 7)", /an end mark of run r/],
    ['edge/outbox.db', "UPDATE meta SET value = '5001' WHERE key = 'window_ms'", /window_ms of the edge/],
    ['broker/broker.db', 'UPDATE batch SET appended_ms = appended_ms + 1 WHERE id = 1', /records from offset/],
  ];
  for (const [path, change, message] of rows) {
    const [copy, dir] = [copyOf(whole), newPath()];
    inFile(join(copy, path), (database) => assert.ok(database.prepare(change).run().changes > 0, change));
    await assert.rejects(backUp(copy, dir), told('STORE_DAMAGED', message));
    assert.equal(existsSync(dir), false);
    const { damagedRows } = await backUp(copy, dir, { withDamage: true });
    assert.ok(damagedRows > 0, change);
    assert.equal((await restoreInto(newPath(), dir)).damagedRows, damagedRows);
    rmSync(copy, { recursive: true });
  }
});

test('a file that SQLite finds damaged, that is empty, or that an edge has found damaged, is no backup', async () => {
  const hurts: [string, RegExp, (state: string) => void][] = [
    ['cloud/series.db', /series\.db is damaged/, (state) => zeroPage(join(state, 'cloud/series.db'))],
    ['edge/outbox.db', /outbox\.db is damaged/, (state) => zeroPage(join(state, 'edge/outbox.db'))],
    ['broker/broker.db', /broker\.db is damaged: it is empty/, (state) => truncateSync(join(state, 'broker/broker.db'), 0)],
    ['edge/outbox.db', /start it once/, (state) => writeFileSync(join(state, 'edge/outbox-suspect'), 'x')],
  ];
  for (const [, message, hurt] of hurts) {
    const [copy, dir] = [copyOf(whole), newPath()];
    hurt(copy);
    await assert.rejects(backUp(copy, dir, { withDamage: true }), told('STORE_DAMAGED', message));
    assert.equal(existsSync(dir), false);
  }
});

test('a file of a newer program, or of another one, is not backed up', async () => {
  for (const { path } of DATABASES) {
    const copy = copyOf(whole);
    inFile(join(copy, path), (database) => database.pragma('user_version = 99'));
    await assert.rejects(backUp(copy, newPath()), refused(/has schema 99/, /newer/));
    inFile(join(copy, path), (database) => database.pragma('application_id = 7'));
    await assert.rejects(backUp(copy, newPath()), refused(/no file of Fogline's/));
  }
});

test('a state that is there is not written over; with --force it is set aside as it was', async () => {
  const state = copyOf(whole);
  const tree = treeOf(state);
  await assert.rejects(restoreInto(state, made), refused(/holds a state already \(.*edge, cloud\)/, /--force/));
  assert.deepEqual(treeOf(state), tree);
  const aside = (await restoreInto(state, made, { part: 'cloud', force: true })).aside ?? '';
  assert.ok(aside.startsWith(join(state, 'replaced-')));
  assert.equal(treeOf(aside).get('cloud/series.db'), tree.get('cloud/series.db'));
  assert.deepEqual(readdirSync(aside), ['cloud']);
  assert.equal(treeOf(state).get('edge/outbox.db'), tree.get('edge/outbox.db'));
  assert.equal(existsSync(join(state, RESTORE_FOLDER)), false);
  assertYes(audit(state));
});

test('two restores in one second set two states aside', async () => {
  const state = copyOf(whole);
  const clock = new VirtualClock(Date.parse('2026-11-21T12:00:00Z'));
  const asides: (string | null)[] = [];
  for (let n = 0; n < 3; n++) asides.push((await restoreInto(state, made, { part: 'cloud', force: true, clock })).aside);
  assert.deepEqual(
    asides,
    ['', '-2', '-3'].map((end) => join(state, `replaced-20261121T120000Z${end}`)),
  );
  for (const aside of asides) assert.deepEqual(readdirSync(aside ?? ''), ['cloud']);
});

test('an empty folder of a state, as a service manager makes it, is no state', async () => {
  const state = newPath();
  for (const folder of ['cloud', 'edge', 'logs']) mkdirSync(join(state, folder), { recursive: true });
  assert.equal((await restoreInto(state, made)).aside, null);
  assertYes(audit(state));
});

test('what shuts somebody out stays as it is where it is: revoked tokens, and how old a certificate of the cloud may be', async () => {
  const [copy, dir] = [copyOf(whole), newPath()];
  const certificate = (day: number) => `{"v":1,"newestFrom":"2026-01-0${day}T00:00:00.000Z"}\n`;
  const [tokens, fence] = [join(copy, 'cloud/tokens.json'), join(copy, 'edge/cloud-certificate.json')];
  writeFileSync(tokens, '{"tokens":[{"id":"a"}]}\n', { mode: 0o600 });
  writeFileSync(fence, certificate(1));
  await backUp(copy, dir);
  writeFileSync(tokens, '{"tokens":[]}\n');
  writeFileSync(fence, certificate(2));
  const { kept } = await restoreInto(copy, dir, { force: true });
  assert.deepEqual([...kept].sort(), ['cloud/tokens.json', 'edge/cloud-certificate.json']);
  assert.equal(readFileSync(tokens, 'utf8'), '{"tokens":[]}\n');
  assert.equal(statSync(tokens).mode & 0o777, 0o600);
  assert.equal(readFileSync(fence, 'utf8'), certificate(2));
  // A damaged one says nothing; elsewhere there is none.
  writeFileSync(tokens, '{"tokens":[');
  assert.deepEqual((await restoreInto(copy, dir, { force: true, part: 'cloud', clock: later() })).kept, []);
  assert.equal(readFileSync(tokens, 'utf8'), '{"tokens":[{"id":"a"}]}\n');
});

test('a part that runs on the state is named and left alone', async () => {
  const state = copyOf(whole);
  const tree = treeOf(state);
  for (const { path, part } of DATABASES) {
    const user = new Database(join(state, path));
    user.prepare('SELECT count(*) FROM sqlite_schema').get();
    const who = part === 'edge' ? /an edge \(or a simulator\) runs on/ : /a cloud server runs on/;
    await assert.rejects(restoreInto(state, made, { force: true }), refused(who, /stop it first/));
    user.close();
  }
  const holder = new Database(join(state, 'cloud/process.lock'));
  holder.exec('BEGIN EXCLUSIVE');
  await assert.rejects(restoreInto(state, made, { force: true }), refused(/a cloud server runs on .*process\.lock open/));
  holder.close();
  const lock = { run: identityOf(process.pid), url: 'http://localhost:7', children: [] };
  writeFileSync(join(state, 'run.lock'), JSON.stringify(lock));
  await assert.rejects(restoreInto(state, made, { force: true }), refused(/fogline run holds .* at http:\/\/localhost:7/));
  rmSync(join(state, 'run.lock'));
  assert.deepEqual(treeOf(state), tree);
  mkdirSync(join(state, RESTORE_FOLDER));
  writeFileSync(join(state, RESTORE_FOLDER, 'owner.json'), JSON.stringify(identityOf(process.pid)));
  await assert.rejects(restoreInto(state, made, { force: true }), refused(/another fogline restore works/));
});

test('--keep: dated ones in one folder, the newest stay, and restore names the newest', async () => {
  const dir = newPath();
  const names: string[] = [];
  for (let day = 1; day <= 4; day++) {
    const { backup, removed } = await backUp(whole, dir, {
      keep: 2,
      part: 'cloud',
      clock: { ...later(), nowMs: () => Date.UTC(2026, 0, day) },
    });
    names.push(backup);
    assert.deepEqual(removed, day <= 2 ? [] : [names[day - 3]]);
  }
  assert.deepEqual(readdirSync(dir), ['fogline-20260103T000000Z', 'fogline-20260104T000000Z']);
  await assert.rejects(restoreInto(newPath(), dir), refused(/holds backups, it is none itself/, /fogline-20260104T000000Z/));
  // A clock that went back: the one just made is never the one that goes.
  const { removed } = await backUp(whole, dir, { keep: 1, part: 'cloud', clock: { ...later(), nowMs: () => Date.UTC(2025, 0, 1) } });
  assert.equal(removed.length, 2);
  assert.deepEqual(readdirSync(dir), ['fogline-20250101T000000Z']);
});

test('two dated backups in one second: the second waits for the next, and both are there', async () => {
  const dir = newPath();
  let nowMs = Date.UTC(2026, 0, 1);
  const sleep = (ms: number) => Promise.resolve(void (nowMs += ms));
  for (let nth = 0; nth < 3; nth++) await backUp(whole, dir, { keep: 9, part: 'cloud', clock: { ...later(), nowMs: () => nowMs, sleep } });
  assert.deepEqual(readdirSync(dir), ['fogline-20260101T000000Z', 'fogline-20260101T000001Z', 'fogline-20260101T000002Z']);
});

test('a place that is taken, and a command that is stopped, leave nothing', async () => {
  await assert.rejects(backUp(whole, made), refused(/is there already/, /--keep/));
  const stop = new AbortController();
  stop.abort('SIGINT');
  const [dir, state] = [newPath(), copyOf(whole)];
  const tree = treeOf(state);
  await assert.rejects(backUp(whole, dir, { progress: stoppedBy(stop.signal) }));
  assert.deepEqual(
    readdirSync(join(dir, '..')).filter((name) => name.includes('unfinished')),
    [],
  );
  await assert.rejects(restoreInto(state, made, { force: true, progress: stoppedBy(stop.signal) }));
  assert.deepEqual(treeOf(state), tree);
});

test('a place that can be no folder, a name that was taken meanwhile, a manifest that is none: each with what to do', async () => {
  const file = newPath();
  writeFileSync(file, 'x');
  await assert.rejects(backUp(whole, join(file, 'b')), refused(/can't be used as a folder/, /for the backup/));
  const dir = newPath();
  const taken = new Progress(systemClock, new AbortController().signal, (line) => {
    if (line.startsWith('checking')) mkdirSync(join(dir, 'in'), { recursive: true });
  });
  await assert.rejects(backUp(whole, dir, { progress: taken }), refused(/can't get the name/, /not there/));
  assert.deepEqual(readdirSync(dir), ['in']);
  mkdirSync(join(dir, MANIFEST_FILE));
  await assert.rejects(restoreInto(newPath(), dir), told('DATA_UNREADABLE', /backup\.json can't be read/));
});

test('side files in a backup are refused: somebody has written into it', async () => {
  const dir = copyOf(made);
  writeFileSync(join(dir, 'cloud/series.db-wal'), 'x');
  await assert.rejects(restoreInto(newPath(), dir), told('DATA_UNREADABLE', /series\.db-wal was not made by the backup/));
});

test('wrong options are exit 2', () => {
  for (const args of [['backup', newPath(), '--keep', '0'], ['backup', newPath(), '--part', 'page'], ['restore', newPath()], ['backup']])
    assert.equal(fogline(...args).status, 2, args.join(' '));
});

function later() {
  return {
    nowMs: () => Date.now() + 60_000,
    monotonicMs: () => performance.now(),
    sleep: () => Promise.resolve(),
    timer: () => ({ cancel() {} }),
  };
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 4;
  writeFileSync(path, bytes);
}

/** In the middle of the file; SQLite gives no page back as it was. */
function zeroPage(path: string): void {
  const bytes = readFileSync(path);
  const at = (bytes.length >> 14) << 13;
  bytes.fill(0, at, at + 8_192);
  writeFileSync(path, bytes);
}

/** Makes the manifest fit what lies there: whoever damages a file so that it does not show. */
function forge(dir: string): void {
  const { sha256: _sha256, ...manifest } = JSON.parse(readFileSync(join(dir, MANIFEST_FILE), 'utf8'));
  for (const file of manifest.files) {
    const bytes = readFileSync(join(dir, file.path));
    file.bytes = bytes.length;
    file.sha256 = sha256(bytes);
  }
  writeFileSync(join(dir, MANIFEST_FILE), manifestText(manifest));
}
