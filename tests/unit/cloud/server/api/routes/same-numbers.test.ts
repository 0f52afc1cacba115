/** One bucket has one mean, whoever is asked for it: range query, its CSV, gRPC, windows in pages, export. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { SeriesReply, WindowsReply } from '../../../../../../cloud/server/api/api-types.ts';
import { isoTime } from '../../../../../../common/iso-time.ts';
import { seededRandom } from '../../../../../../common/random.ts';
import { documentedFetch as fetch } from '../../../../../doubles/documented-fetch.ts';
import { all, type GrpcCloud, runGrpcCloud } from '../../../../../doubles/grpc-cloud.ts';
import { T0_MS, WINDOW_MS } from '../../../../../doubles/running-cloud.ts';

const HOURS = 30;
const RESOLUTIONS = ['raw', '1m', '15m', '1h', '1d'] as const;
/** Shown numbers have two decimals; half of the last one is what rounding may take. */
const HALF_OF_LAST = 0.005 + 1e-9;
let cloud: GrpcCloud;

interface Row {
  startMs: number;
  mean: number;
  min: number;
  max: number;
}

/** Windows with one to four readings, of very different power; now and then some minutes are missing. */
before(async () => {
  cloud = await runGrpcCloud({ states: { a: 'DE-BB' } });
  const random = seededRandom(8);
  const entries: { timeMs: number; values: { power: number; energy: number } }[] = [];
  for (let atMs = T0_MS; atMs < T0_MS + HOURS * 3_600_000; atMs += WINDOW_MS) {
    if (random.below(200) === 0) atMs += 300_000;
    const readings = 1 + random.below(4);
    for (let i = 0; i < readings; i++)
      entries.push({ timeMs: atMs + i * 1_000, values: { power: readings * 500 + random.next() * 100, energy: 9_000 + random.next() } });
  }
  await cloud.ship('a', entries);
});

after(() => cloud.stop());

const range = (resolution: string) => {
  const toMs = resolution === 'raw' ? T0_MS + 3_600_000 : T0_MS + (HOURS + 24) * 3_600_000;
  return { from: resolution === '1d' ? isoTime(T0_MS - 7 * 3_600_000) : isoTime(T0_MS), to: isoTime(toMs), resolution };
};

async function seriesRows(field: string, resolution: string): Promise<Row[]> {
  const query = new URLSearchParams({ series: `a.${field}`, stats: 'mean,min,max', ...range(resolution) });
  const response = await fetch(`${cloud.url}/api/v1/series?${query}`);
  assert.equal(response.status, 200, await response.clone().text());
  const { starts, series } = (await response.json()) as SeriesReply;
  const { mean = [], min = [], max = [] } = series[0]?.columns ?? {};
  return starts.flatMap((start, i) =>
    mean[i] === null ? [] : [{ startMs: Date.parse(start), mean: mean[i] as number, min: min[i] as number, max: max[i] as number }],
  );
}

async function exportRows(field: string, resolution: string, numbers: string): Promise<Row[]> {
  const query = new URLSearchParams({ household: 'a', field, numbers, ...range(resolution) });
  const lines = (await (await fetch(`${cloud.url}/api/v1/export?${query}`)).text()).trimEnd().split('\n').slice(1);
  return lines.map((line) => {
    const [, , , start = '', mean, min, max] = line.split(',');
    return { startMs: Date.parse(start), mean: Number(mean), min: Number(min), max: Number(max) };
  });
}

async function windowRows(field: string, resolution: string, numbers: string): Promise<Row[]> {
  const query = new URLSearchParams({ field, numbers, limit: '10000', ...range(resolution) });
  const response = await fetch(`${cloud.url}/api/v1/households/a/windows?${query}`);
  assert.equal(response.status, 200, await response.clone().text());
  const { windows } = (await response.json()) as WindowsReply;
  return windows.map(({ windowStart, mean, min, max }) => ({ startMs: Date.parse(windowStart), mean, min, max }));
}

async function grpcRows(field: string, resolution: string): Promise<Row[]> {
  const { from, to } = range(resolution);
  const rows = await all(cloud.clients().readSeries({ series: [`a.${field}`], from, to, resolution }));
  return rows.flatMap(({ startMs, mean, min, max }) =>
    mean === undefined || mean === null ? [] : [{ startMs: Number(startMs), mean, min, max } as Row],
  );
}

for (const resolution of RESOLUTIONS) {
  test(`${resolution}: the export has the mean of the range query, digit for digit when it is rounded`, async () => {
    for (const field of ['power', 'energy']) {
      const shown = await seriesRows(field, resolution);
      assert.ok(shown.length >= (resolution === '1d' ? 2 : HOURS));
      assert.deepEqual(await exportRows(field, resolution, 'rounded'), shown, `export of ${field}`);
      assert.deepEqual(await windowRows(field, resolution, 'rounded'), shown, `windows of ${field}`);
      assert.deepEqual(await grpcRows(field, resolution), shown, `gRPC of ${field}`);
      const full = await exportRows(field, resolution, 'full');
      assert.deepEqual(await windowRows(field, resolution, 'full'), full);
      assert.equal(full.length, shown.length);
      for (const [i, its] of full.entries()) assert.ok(Math.abs(its.mean - (shown[i] as Row).mean) < HALF_OF_LAST, `${field} ${i}`);
      assert.ok(
        full.some(({ mean }, i) => mean !== shown[i]?.mean),
        'full numbers have more digits',
      );
    }
  });
}

test('a word for the numbers that is none is refused', async () => {
  for (const path of ['/api/v1/export?numbers=nice', '/api/v1/households/a/windows?numbers=nice']) {
    const response = await fetch(cloud.url + path);
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { detail: string }).detail, /numbers must be one of full, rounded/);
  }
});
