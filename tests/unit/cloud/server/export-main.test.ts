import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { copyTo, main, queryOf } from '../../../../cloud/server/export-main.ts';
import { CSV_TITLE } from '../../../../cloud/server/export-rows.ts';
import { SqliteSeriesStore } from '../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../common/clock.ts';
import type { ExportOptions } from '../../../../common/command.ts';
import { configWith } from '../../../../common/config.ts';
import { ConfigError, EXIT, OperatingError } from '../../../../common/errors.ts';
import type { ShippedRow } from '../../../../common/messages.ts';
import { cutIntoParts } from '../../../../common/protocol/window.ts';
import { Edge, helloEdge, reading, T0_MS, WINDOW_MS } from '../../../contract/series-store-probes.ts';

/** More than fits into the buffers of a pipe. */
const WINDOWS = 4_000;
const OPTIONS_FILE = fileURLToPath(new URL('../../../../cloud/server/export-main.ts', import.meta.url));
const CONFIG_FILE = fileURLToPath(new URL('../../../../common/config.ts', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'fogline-export-'));
const stateDir = join(folder, 'state');
let store: SqliteSeriesStore;

before(async () => {
  const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
  store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock });
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  const readings = Array.from({ length: WINDOWS }, (_, i) => reading(i + 1, { timeMs: T0_MS + 700 + i * WINDOW_MS }));
  const rows = cutIntoParts(readings, WINDOW_MS).map((part): ShippedRow => ({ kind: 'part', part }));
  for (let at = 0; at < rows.length; at += 500) await edge.send(rows.slice(at, at + 500));
});

after(async () => {
  await store.stop();
  rmSync(folder, { recursive: true, force: true });
});

function options(changes: Partial<ExportOptions> = {}): ExportOptions {
  const given = { household: undefined, field: undefined, from: undefined, to: undefined, url: undefined, output: undefined };
  const command = { config: configWith({}), stateDir, json: false, signal: new AbortController().signal, originMs: () => T0_MS };
  return { ...command, ...given, resolution: 'raw', format: 'csv', numbers: 'full', ...changes };
}

/** Runs the command as a process of its own, beside the open store. */
function spawnExport(changes: Record<string, unknown> = {}) {
  const script = `
    const { main } = await import(${JSON.stringify(OPTIONS_FILE)});
    const { configWith } = await import(${JSON.stringify(CONFIG_FILE)});
    const given = ${JSON.stringify({ stateDir, json: false, resolution: 'raw', format: 'csv', numbers: 'full', ...changes })};
    const parts = { config: configWith({}), signal: new AbortController().signal, originMs: () => ${T0_MS - 10_000} };
    process.exitCode = await main({ ...given, ...parts });`;
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
}

it('writes all rows to stdout while the cloud has the store open', async () => {
  const child = spawnExport();
  const pieces: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (piece: string) => pieces.push(piece));
  const [code] = await once(child, 'close');
  const lines = pieces.join('').trimEnd().split('\n');
  assert.equal(code, EXIT.ok);
  assert.equal(`${lines[0]}\n`, CSV_TITLE);
  assert.equal(lines.length, WINDOWS + 1);
  assert.equal(lines[1], 'home-a,meter,power,2019-12-24T00:00:00.000Z,101,101,101,101,1');
});

it('a reader that goes away early is no failure', async () => {
  const child = spawnExport();
  const errors: Buffer[] = [];
  child.stderr.on('data', (piece: Buffer) => errors.push(piece));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  assert.equal(Buffer.concat(errors).toString(), '');
  assert.equal(code, EXIT.ok);
});

it('reads no further than its reader takes', async () => {
  let taken = 0;
  let made = 0;
  async function* pieces() {
    for (; made < 1_000; made++) yield 'x'.repeat(1_000);
  }
  const out = new Writable({
    highWaterMark: 10_000,
    write(_piece, _encoding, done) {
      taken++;
      assert.ok(made <= taken + 11, `${made} pieces made, ${taken} taken`);
      setImmediate(done);
    },
  });
  assert.equal(await copyTo(out, pieces(), new AbortController().signal), EXIT.ok);
  assert.ok(taken >= 1_000);
});

it('writes a file that takes its name when it is whole', async () => {
  const output = join(folder, 'power.ndjson');
  const code = await main(options({ output, format: 'ndjson', from: '10', to: '20', field: 'power' }));
  assert.equal(code, EXIT.ok);
  const starts = readFileSync(output, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { window_start: string }).window_start);
  assert.deepEqual(starts, ['2019-12-24T00:00:10.000Z', '2019-12-24T00:00:15.000Z']);
  assert.ok(!existsSync(`${output}.partial`));
});

it('an interrupted export leaves no file', async () => {
  const output = join(folder, 'interrupted.csv');
  const abort = new AbortController();
  abort.abort();
  assert.equal(await main(options({ output, signal: abort.signal })), EXIT.interrupted);
  assert.ok(!existsSync(output) && !existsSync(`${output}.partial`));
});

it('says what to do about a folder without a store and a file that can not be written', async () => {
  const isUnreadable = (error: unknown) => error instanceof OperatingError && error.code === 'DATA_UNREADABLE';
  await assert.rejects(main(options({ stateDir: join(folder, 'nothing'), output: join(folder, 'x.csv') })), isUnreadable);
  await assert.rejects(main(options({ output: join(folder, 'no-folder', 'x.csv') })), ConfigError);
  assert.ok(!existsSync(join(folder, 'x.csv.partial')));
});

it('reads times as ISO-8601, milliseconds, or seconds of the recording', () => {
  const query = (from: string, to?: string) => queryOf({ ...options(), from, to }, () => T0_MS);
  assert.deepEqual(query('1800', '3600.5'), { resolution: 'raw', fromMs: T0_MS + 1_800_000, toMs: T0_MS + 3_600_500 });
  assert.deepEqual(query('2019-12-24T01:00:00+01:00'), { resolution: 'raw', fromMs: T0_MS });
  assert.deepEqual(query(String(T0_MS)), { resolution: 'raw', fromMs: T0_MS });
  for (const [from, to] of [['yesterday'], ['2019-12-24T01:00:00'], ['20', '10'], ['10', '10']] as const) {
    assert.throws(() => query(from, to), ConfigError, from);
  }
  assert.deepEqual(
    queryOf({ ...options(), from: undefined, to: undefined, household: 'h' }, () => assert.fail('asked for the beginning')),
    { resolution: 'raw', household: 'h' },
  );
});

it('seconds count from the beginning of the recording, not from what is stored', async () => {
  const output = join(folder, 'late.csv');
  // As after run --start 10: the first reading stored is 10 s and more into the recording.
  await main(options({ output, from: '10', to: '20', originMs: () => T0_MS - 10_000 }));
  assert.equal(readFileSync(output, 'utf8').split('\n')[1]?.split(',')[3], '2019-12-24T00:00:00.000Z');
  const nowhere = main(options({ output, from: '10', originMs: () => undefined }));
  await assert.rejects(nowhere, (error) => error instanceof ConfigError && /nothing was replayed/.test(error.message));
});

it('refuses a household and a field that are not stored, naming those that are', async () => {
  const refused = (changes: Partial<ExportOptions>, message: RegExp, remedy: RegExp) =>
    assert.rejects(
      main(options({ output: join(folder, 'x.csv'), ...changes })),
      (error) => error instanceof ConfigError && message.test(error.message) && remedy.test(error.remedy),
    );
  await refused({ household: 'home-b' }, /no household home-b/, /did you mean home-a\?/);
  await refused({ household: 'Utrecht' }, /no household Utrecht/, /^there are home-a$/);
  await refused({ field: 'pwoer' }, /no field pwoer/, /did you mean power\?/);
  assert.ok(!existsSync(join(folder, 'x.csv')));
});

it('a range without rows says where there are some', async () => {
  const child = spawnExport({ household: 'home-a', from: '2020-01-01T00:00:00Z' });
  const errors: Buffer[] = [];
  const pieces: Buffer[] = [];
  child.stderr.on('data', (piece: Buffer) => errors.push(piece));
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const [code] = await once(child, 'close');
  assert.equal(code, EXIT.ok, Buffer.concat(errors).toString());
  assert.equal(Buffer.concat(pieces).toString(), CSV_TITLE);
  assert.match(Buffer.concat(errors).toString(), /no rows in this range: the readings are from 2019-12-24T00:00:00\.700Z to 2019-12-24T/);
});

it('a folder is no output, and that is said before anything is read', async () => {
  await assert.rejects(main(options({ output: folder })), (error) => error instanceof ConfigError && /is a folder/.test(error.message));
  assert.ok(!existsSync(`${folder}.partial`));
});

async function serve(test: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('asks a running cloud, and gives what it answers', async (test) => {
  let asked = '';
  const url = await serve(test, (request, response) => {
    asked = request.url ?? '';
    response.end(`${CSV_TITLE}row\n`);
  });
  const output = join(folder, 'remote.csv');
  const from = '2019-12-24T00:00:00Z';
  assert.equal(await main(options({ url, output, from, household: 'home-a', resolution: '1h' })), EXIT.ok);
  assert.equal(readFileSync(output, 'utf8'), `${CSV_TITLE}row\n`);
  assert.equal(asked, `/api/v1/export?household=home-a&from=${T0_MS}&resolution=1h&format=csv`);
});

it('tells a refusal, a cloud that is away and an answer that breaks off apart', async (test) => {
  const output = join(folder, 'broken.csv');
  const refused = await serve(test, (_, response) => {
    response.writeHead(400, { 'content-type': 'application/problem+json' }).end('{"detail":"resolution is not one of …"}');
  });
  await assert.rejects(
    main(options({ url: refused, output })),
    (error) => error instanceof ConfigError && /not one of/.test(error.message),
  );
  const broken = await serve(test, (_, response) => {
    response.write(CSV_TITLE, () => response.destroy());
  });
  const isUnreachable = (error: unknown) => error instanceof OperatingError && error.code === 'CLOUD_UNREACHABLE';
  await assert.rejects(main(options({ url: broken, output })), isUnreachable);
  await assert.rejects(main(options({ url: 'http://127.0.0.1:1', output })), isUnreachable);
  await assert.rejects(main(options({ url: 'nonsense', output })), ConfigError);
  await assert.rejects(main(options({ url: broken, output, from: '1800' })), ConfigError);
  assert.ok(!existsSync(output) && !existsSync(`${output}.partial`));
});

it('a damaged window ends it with the window and what to ask for instead, and no file; the rest can be had', async () => {
  const output = join(folder, 'damaged.csv');
  const database = new Database(store.path);
  const flip = (by: number) => database.prepare('UPDATE parts SET first_ms = first_ms + ? WHERE from_seq = 3000').run(by);
  assert.equal(flip(1).changes, 1);
  await assert.rejects(
    main(options({ output })),
    (error) => error instanceof OperatingError && error.code === 'PART_DAMAGED' && /seqs 3000 to 3000/.test(error.message),
  );
  assert.ok(!existsSync(output) && !existsSync(`${output}.partial`));
  const startMs = T0_MS + 2_999 * WINDOW_MS;
  const linesOf = async (changes: Partial<ExportOptions>) => {
    assert.equal(await main(options({ output, ...changes })), EXIT.ok);
    return readFileSync(output, 'utf8').trimEnd().split('\n').length - 1;
  };
  assert.equal(await linesOf({ to: String(startMs) }), 2_999);
  assert.equal(await linesOf({ from: String(startMs + WINDOW_MS) }), WINDOWS - 3_000);
  flip(-1);
  assert.equal(await linesOf({}), WINDOWS);
  database.close();
});

it('rounds as charts do where it is told to', async () => {
  const output = join(folder, 'third.csv');
  const third = { household: 'home-a', device: 'meter', src: 'src1', seq: WINDOWS + 1, timeMs: T0_MS + WINDOWS * WINDOW_MS };
  const edge = await helloEdge(store, 'claim-2');
  await edge.ship([{ ...third, values: { power: 1 / 3 } }]);
  const meanOf = async (numbers: 'full' | 'rounded') => {
    assert.equal(await main(options({ output, numbers, from: String(WINDOWS * 5) })), EXIT.ok);
    return readFileSync(output, 'utf8').trimEnd().split('\n').at(-1)?.split(',')[4];
  };
  assert.deepEqual([await meanOf('full'), await meanOf('rounded')], [String(1 / 3), '0.33']);
});
