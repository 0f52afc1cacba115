/** A meter usage file on its whole way: imported, replayed, stored, audited, and read as clients of the earlier server read it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { ChildEvent } from '../../common/child-events.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { KNOWN_ROW, NAN_AT_S, USAGE_FROM_S, USAGE_ROWS, usageAt, usageFile } from '../doubles/meter-usage-file.ts';
import { pythonWith } from '../doubles/python-with.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
/** As `fogline run --data` hands it over. */
const HOUSEHOLDS = ['--set', 'cloud.households_file=replay/households.json'];
const python = pythonWith('grpc', 'grpc_tools');
const noGrpcio = python === undefined ? 'no python that can import grpc and grpc_tools (FOGLINE_PYTHON, python3)' : false;

type Ready = Extract<ChildEvent, { event: 'ready'; part: 'cloud' }>;
type Row = [timestamp: number, value: number | null];

const folder = mkdtempSync(join(tmpdir(), 'fogline-usage-'));
let child: ChildProcess;
let ready: Ready;

function fogline(...args: string[]): string {
  const result = spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8', cwd: folder });
  assert.equal(result.status, 0, `${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

before(async () => {
  ensureBuilt();
  writeFileSync(join(folder, 'meterusage.csv'), usageFile());
  const imported = JSON.parse(fogline('import', 'meterusage.csv', 'replay', '--json')) as Record<string, unknown>;
  assert.deepEqual([imported['households'], imported['rows'], imported['missing'], imported['quarantined']], [1, USAGE_ROWS - 1, 1, 0]);
  fogline('run', '--data', 'replay', '--state', 'state', '--speed', 'max', '--exit-when-done', '--json', ...ANY_PORTS);
  const args = [ENTRY, 'cloud', '--json', '--state', 'state', '--set', 'cloud.grpc_port=0', ...HOUSEHOLDS, ...ANY_PORTS];
  child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
  ready = await new Promise<Ready>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', (line) => resolve(JSON.parse(line) as Ready));
    child.once('exit', (code) => reject(new Error(`the cloud ended with ${code}`)));
  });
});

after(async () => {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

function assertRows(rows: readonly Row[]): void {
  assert.equal(rows.length, USAGE_ROWS);
  assert.deepEqual(
    rows.find(([timestamp]) => timestamp === KNOWN_ROW.timestamp),
    [KNOWN_ROW.timestamp, KNOWN_ROW.value],
  );
  assert.deepEqual(
    rows.filter(([, value]) => value === null),
    [[NAN_AT_S, null]],
  );
  rows.forEach(([timestamp, value], i) => {
    assert.equal(timestamp, USAGE_FROM_S + i * 900);
    const asWritten = usageAt(timestamp)?.toFixed(2);
    assert.equal(value, asWritten === undefined ? null : Number(asWritten));
  });
}

test('a Python client made of the earlier definition reads every row, bit by bit', { skip: noGrpcio }, () => {
  const client = join(import.meta.dirname, '../doubles/meter-usage-client.py');
  const result = spawnSync(python as string, [client, String(ready.grpcPort)], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  assertRows(JSON.parse(result.stdout) as Row[]);
});

test('GET /meter-usage has the same rows, and the audit finds nothing', async () => {
  const { data } = (await (await fetch(`${ready.url}/meter-usage`)).json()) as { data: { timestamp: number; value: number | null }[] };
  assertRows(data.map(({ timestamp, value }) => [timestamp, value]));
  assert.deepEqual(await (await fetch(`${ready.url}/readyz`)).json(), { status: 'ready', grpc: 'serving', redis: 'off' });
  const { gaps } = (await (await fetch(`${ready.url}/api/v1/households/meterusage/gaps`)).json()) as { gaps: unknown[] };
  assert.deepEqual(gaps, [], 'a single value that is missing is no gap, and neither is the time between two quarters');
  assert.match(fogline('audit', '--state', 'state', '--data', 'replay'), /audit: yes, all agree/);
});
