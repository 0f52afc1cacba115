import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { credentials, makeClientConstructor, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as healthService } from 'grpc-health-check';
import { systemClock } from '../../../../../common/clock.ts';
import { all, type GrpcCloud, type Message, protoPath, runGrpcCloud } from '../../../../doubles/grpc-cloud.ts';
import { T0_MS, WINDOW_MS } from '../../../../doubles/running-cloud.ts';
import { testCerts } from '../../../../doubles/test-certs.ts';
import { until } from '../../../../doubles/until.ts';

const QUARTER_MS = 900_000;
let cloud: GrpcCloud;

before(async () => {
  cloud = await runGrpcCloud({ states: { a: 'DE-BB', b: 'DE-TH' } });
  await cloud.shipPower('a', 100, 720, T0_MS);
  // Two hours without a reading.
  await cloud.shipPower('a', 300, 720, T0_MS + 3 * 3_600_000);
  await cloud.shipPower('b', 50, 360, T0_MS);
});
after(() => cloud.stop());

const codeOf = (code: status) => (error: unknown) => (error as ServiceError).code === code;
const numberOrNull = (value: unknown) => (value === undefined || value === null ? null : value);

test('ReadData: quarters of all households, NaN in a gap of two hours and never 0; filters; one series', async () => {
  const rows = await all(cloud.clients().readData({}));
  assert.equal(rows.length, 16);
  assert.deepEqual(
    rows.map(({ timestamp }) => timestamp),
    Array.from({ length: 16 }, (_, i) => (T0_MS + i * QUARTER_MS) / 1_000),
  );
  assert.deepEqual(
    rows.map(({ value }) => value),
    [150, 150, 100, 100, ...Array.from({ length: 8 }, () => Number.NaN), 300, 300, 300, 300],
  );
  const from = T0_MS / 1_000 + 1;
  const some = await all(cloud.clients().readData({ timestampFrom: from, timestampTo: from + 3_600, series: 'a.power' }));
  assert.deepEqual(
    some.map(({ timestamp, value }) => [Number(timestamp) - T0_MS / 1_000, value]),
    [
      [900, 100],
      [1_800, 100],
      [2_700, 100],
      [3_600, Number.NaN],
    ],
  );
  await assert.rejects(all(cloud.clients().readData({ series: 'nobody.power' })), codeOf(status.NOT_FOUND));
  assert.deepEqual(await all(cloud.clients().readData({ timestampFrom: 0, timestampTo: 1 })), []);
});

test('the same rows over HTTP, null for NaN', async () => {
  const rows = await all(cloud.clients().readData({}));
  const { data } = (await (await fetch(`${cloud.url}/meter-usage`)).json()) as { data: Message[] };
  assert.deepEqual(
    data,
    rows.map(({ timestamp, value }) => ({ timestamp, value: Number.isNaN(value) ? null : value })),
  );
  const part = (await (await fetch(`${cloud.url}/meter-usage?from=latest-1h`)).json()) as { data: Message[] };
  assert.deepEqual(part.data, data.slice(-4));
});

test('ReadSeries has the numbers of GET /api/v1/series; what has no data is absent', async () => {
  const asked = { series: ['a.power', 'all.power'], from: 'first', to: 'latest', resolution: '30m' };
  const messages = await all(cloud.clients().readSeries(asked));
  const address = `${cloud.url}/api/v1/series?series=a.power,all.power&from=first&to=latest&resolution=30m&layout=rows`;
  const stats = 'mean,min,max,last,count,energy,coverage';
  const { rows } = (await (await fetch(`${address}&stats=${stats}`)).json()) as { rows: Message[] };
  assert.equal(messages.length, 16);
  assert.equal(rows.length, 16);
  const columns = ['mean', 'min', 'max', 'last', 'count', 'energyKwh', 'coverage'];
  const simple = (its: Message, startMs: number) => [its['series'], startMs, ...columns.map((name) => numberOrNull(its[name]))];
  const byKey = (a: unknown[], b: unknown[]) => (String(a) < String(b) ? -1 : 1);
  const overHttp = rows.map((its) => simple(its, Date.parse(String(its['start'])))).sort(byKey);
  assert.deepEqual(messages.map((its) => simple(its, Number(its['startMs']))).sort(byKey), overHttp);
  const gap = messages.filter(({ series, startMs }) => series === 'a.power' && Number(startMs) === T0_MS + 3_600_000);
  assert.deepEqual(
    Object.keys(gap[0] ?? {}).filter((name) => columns.includes(name)),
    ['coverage'],
  );
});

test('ReadSeries beyond what one HTTP answer may have, in pieces without a seam', async () => {
  const messages = await all(
    cloud.clients().readSeries({ series: ['a.power'], from: String(T0_MS - 12 * 3_600_000), to: 'latest', resolution: 'raw' }),
  );
  assert.equal(messages.length, 12 * 720 + 4 * 720);
  assert(messages.length > 10_000);
  messages.forEach(({ startMs }, i) => assert.equal(startMs, T0_MS - 12 * 3_600_000 + i * WINDOW_MS));
  assert.equal(messages.filter(({ mean }) => mean !== undefined).length, 1_440);
});

test('days of 92 and 100 quarter hours, as over HTTP', async () => {
  for (const [from, to, quarters] of [
    ['2019-03-31T00:00:00+01:00', '2019-04-01T00:00:00+02:00', 92],
    ['2019-10-27T00:00:00+02:00', '2019-10-28T00:00:00+01:00', 100],
  ] as const) {
    const asked = { series: ['a.power'], from, to };
    assert.equal((await all(cloud.clients().readSeries({ ...asked, resolution: '15m' }))).length, quarters);
    const days = await all(cloud.clients().readSeries({ ...asked, resolution: '1d' }));
    assert.deepEqual(
      days.map(({ startMs, endMs }) => (Number(endMs) - Number(startMs)) / QUARTER_MS),
      [quarters],
    );
    const query = new URLSearchParams({ series: 'a.power', from, to, resolution: '15m', format: 'csv' });
    const csv = await (await fetch(`${cloud.url}/api/v1/series?${query}`)).text();
    assert.equal(csv.trim().split('\n').length - 1, quarters);
  }
});

test('what is wrong is said with the type of the problem in the details', async () => {
  const wrong = [
    [{ series: [] }, status.INVALID_ARGUMENT, 'bad-parameter'],
    [{ series: ['x'] }, status.INVALID_ARGUMENT, 'bad-parameter'],
    [{ series: ['a.power'], from: '2019-12-24' }, status.INVALID_ARGUMENT, 'bad-parameter'],
    [{ series: ['a.power'], tz: 'Mars' }, status.INVALID_ARGUMENT, 'bad-parameter'],
    [{ series: ['a.power'], resolution: '2m' }, status.INVALID_ARGUMENT, 'bad-parameter'],
    [{ series: ['a.power'], points: 1 }, status.INVALID_ARGUMENT, 'bad-parameter'],
    [{ series: ['nobody.power'] }, status.NOT_FOUND, 'no-such-series'],
    [{ series: ['a.warmth'] }, status.NOT_FOUND, 'no-such-field'],
  ] as const;
  for (const [request, code, kind] of wrong) {
    const error = await all(cloud.clients().readSeries(request)).then(
      () => assert.fail('no error'),
      (its: unknown) => its as ServiceError,
    );
    assert.equal(error.code, code, JSON.stringify(request));
    assert(error.details.length > 10);
    assert.match(
      String(error.metadata.get('grpc-status-details-bin')[0]),
      new RegExp(`type.googleapis.com/fogline.v1.Problem[^]*urn:fogline:problem:${kind}`),
    );
  }
});

test('ListHouseholds', async () => {
  const [a, b] = await all(cloud.clients().listHouseholds({}));
  assert.deepEqual([a?.['household'], a?.['state'], a?.['firstMs'], a?.['readings'], b?.['household']], ['a', 'DE-BB', T0_MS, 1_440, 'b']);
  assert.equal((await all(cloud.clients().listHouseholds({ state: 'DE-TH' }))).length, 1);
  await assert.rejects(all(cloud.clients().listHouseholds({ state: 'DE-XX' })), codeOf(status.INVALID_ARGUMENT));
});

test('TailWindows: the newest at once, then each later one once and in order, also of many that come at a time', async () => {
  const its = await runGrpcCloud({ states: {} });
  try {
    await its.shipPower('a', 100, 3);
    const stream = its.clients().tailWindows({ households: ['a'] });
    const starts: number[] = [];
    stream.on('error', () => {});
    stream.on('data', ({ startMs }: Message) => starts.push((Number(startMs) - T0_MS) / WINDOW_MS));
    await until(() => starts.length === 1);
    await its.shipPower('a', 200, 40, T0_MS + 3 * WINDOW_MS);
    await until(() => starts.length === 41);
    assert.deepEqual(
      starts,
      Array.from({ length: 41 }, (_, i) => i + 2),
    );
    stream.cancel();
    await until(async () => (await its.metrics.total('fogline_grpc_streams')) === 0);
    await assert.rejects(all(its.clients().tailWindows({ households: ['nobody'] })), codeOf(status.NOT_FOUND));
  } finally {
    await its.stop();
  }
});

test('a deadline and a cancel end the reading', async () => {
  const idle = () => until(async () => (await cloud.metrics.total('fogline_grpc_streams')) === 0);
  const ended = async () => {
    const code = ['DEADLINE_EXCEEDED', 'CANCELLED'];
    return (await cloud.metrics.total('fogline_grpc_calls_total', { code })) ?? 0;
  };
  const before = await ended();
  await assert.rejects(all(cloud.clients().tailWindows({}, { deadline: systemClock.nowMs() + 500 })), codeOf(status.DEADLINE_EXCEEDED));
  await idle();
  const stream = cloud.clients().tailWindows({});
  const rejected = assert.rejects(all(stream), codeOf(status.CANCELLED));
  await until(async () => (await cloud.metrics.total('fogline_grpc_streams')) === 1);
  stream.cancel();
  await rejected;
  await idle();
  assert.equal(await ended(), before + 2);
});

test('a reader that takes nothing: messages are not made on, none is lost when it takes again', async () => {
  const sent = async () => (await cloud.metrics.total('fogline_grpc_messages_total', { method: ['ReadSeries'] })) ?? 0;
  const before = await sent();
  const from = String(T0_MS - 12 * 86_400_000);
  const stream = cloud.clients().readSeries({ series: ['a.power'], from, to: 'latest', resolution: '1m' });
  const first = await new Promise<Message>((resolve) => stream.once('data', (its: Message) => resolve(its)));
  stream.pause();
  let held = -1;
  await until(async () => {
    const now = (await sent()) - before;
    const isStill = now === held;
    held = now;
    await systemClock.sleep(300);
    return isStill;
  });
  const whole = 12 * 1_440 + 240;
  assert(held < whole / 5, `${held} of ${whole} messages were made for a reader that takes none`);
  const rest = await all(stream);
  assert.equal(rest.length + 1, whole);
  assert.equal(first['startMs'], Number(from));
  assert.equal(rest.at(-1)?.['startMs'], T0_MS + 4 * 3_600_000 - 60_000);
});

test('streams are limited per address, and places are given back', async () => {
  const clients = [cloud.clients(), cloud.clients({ options: { 'grpc.use_local_subchannel_pool': 1 } })];
  const streams = Array.from({ length: 25 }, (_, i) => clients[i % 2]!.tailWindows({}));
  for (const stream of streams) stream.on('error', () => {}).resume();
  await until(async () => (await cloud.metrics.total('fogline_grpc_streams')) === 25);
  await assert.rejects(all(cloud.clients().listHouseholds({})), codeOf(status.RESOURCE_EXHAUSTED));
  for (const stream of streams) stream.cancel();
  await until(async () => (await cloud.metrics.total('fogline_grpc_streams')) === 0);
  assert.equal((await all(cloud.clients().listHouseholds({}))).length, 2);
});

test('a request that is too long is refused', async () => {
  const series = Array.from({ length: 99 }, (_, i) => `${'x'.repeat(1_000)}${i}.power`);
  await assert.rejects(all(cloud.clients().readSeries({ series })), codeOf(status.RESOURCE_EXHAUSTED));
});

test('a token is demanded where it should be, and ends a stream when it is revoked; health answers without', async () => {
  let isHeld = true;
  const tokens = { idOf: (token: string) => (token === 'good' && isHeld ? 'id-1' : undefined), holds: () => isHeld };
  const its = await runGrpcCloud({ states: {}, doors: { tokens } }, { demandsToken: true });
  try {
    await its.shipPower('a', 1, 3);
    const withToken = (token: string) => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      return metadata;
    };
    await assert.rejects(all(its.clients().readData({})), codeOf(status.UNAUTHENTICATED));
    await assert.rejects(all(its.clients().readData({}, withToken('bad'))), codeOf(status.UNAUTHENTICATED));
    assert.equal((await all(its.clients().readData({}, withToken('good')))).length, 1);
    assert.equal(await healthOf(its.grpcPort, ''), 'SERVING');
    const ended = assert.rejects(all(its.clients().tailWindows({}, withToken('good'))), codeOf(status.UNAUTHENTICATED));
    await until(async () => (await its.metrics.total('fogline_grpc_streams')) === 1);
    isHeld = false;
    await its.shipPower('a', 1, 1, T0_MS + 3 * WINDOW_MS);
    await ended;
  } finally {
    await its.stop();
  }
});

test('over TLS with the cloud certificate; a client that does not know the CA, and one without TLS, are not served', async () => {
  using certs = await testCerts();
  const { ca, certificate, key } = (await import('../../../../../common/link/cert-files.ts')).readCloudCredentials(certs.dir);
  const its = await runGrpcCloud({ states: {} }, { tls: { certificate, key } });
  try {
    await its.shipPower('a', 1, 3);
    const good = its.clients({ credentials: credentials.createSsl(Buffer.from(ca)) });
    assert.equal((await all(good.readData({}))).length, 1);
    const deadline = () => ({ deadline: systemClock.nowMs() + 2_000 });
    for (const creds of [credentials.createSsl(), credentials.createInsecure()]) {
      const stranger = its.clients({ credentials: creds, options: { 'grpc.use_local_subchannel_pool': 1 } });
      await assert.rejects(all(stranger.readData({}, deadline())), (error: ServiceError) =>
        [status.UNAVAILABLE, status.DEADLINE_EXCEEDED].includes(error.code),
      );
    }
  } finally {
    await its.stop();
  }
});

test('health is SERVING for the server and each service; reflection lists them all', async () => {
  for (const name of ['', 'meterusage.MeterUsage', 'fogline.v1.HouseholdService', 'fogline.v1.SeriesService'])
    assert.equal(await healthOf(cloud.grpcPort, name), 'SERVING', name);
  await assert.rejects(healthOf(cloud.grpcPort, 'nothing'), codeOf(status.NOT_FOUND));
  const names = await reflected(cloud.grpcPort);
  const missing = ['meterusage.MeterUsage', 'fogline.v1.HouseholdService', 'fogline.v1.SeriesService', 'grpc.health.v1.Health'].filter(
    (name) => !names.includes(name),
  );
  assert.deepEqual(missing, [], names.join(', '));
});

test('stopping ends open streams with UNAVAILABLE', async () => {
  const its = await runGrpcCloud({ states: {} });
  await its.shipPower('a', 1, 3);
  const ended = assert.rejects(all(its.clients().tailWindows({})), codeOf(status.UNAVAILABLE));
  await until(async () => (await its.metrics.total('fogline_grpc_streams')) === 1);
  assert.equal(its.grpc.serving, true);
  await its.grpc.stop();
  await ended;
  assert.equal(its.grpc.serving, false);
  await its.stop();
});

test('the definitions can be had over HTTP, as they are', async () => {
  const { readFileSync } = await import('node:fs');
  for (const name of ['meterusage.proto', 'fogline/v1/fogline.proto'])
    assert.equal(await (await fetch(`${cloud.url}/api/protos/${name}`)).text(), readFileSync(protoPath(name), 'utf8'));
});

function healthOf(port: number, name: string): Promise<string> {
  const Health = makeClientConstructor(healthService as never, 'Health');
  const client = new Health(`localhost:${port}`, credentials.createInsecure());
  return new Promise<string>((resolve, reject) => {
    const check = client['check'] as (request: object, done: (error: Error | null, reply: { status: string }) => void) => void;
    check.call(client, { service: name }, (error, reply) => (error === null ? resolve(reply.status) : reject(error)));
  }).finally(() => client.close());
}

async function reflected(port: number): Promise<string[]> {
  const path = import.meta
    .resolve('@grpc/reflection')
    .replace('file://', '')
    .replace(/build\/src\/.*$/, 'build/proto/grpc/reflection/v1/reflection.proto');
  const definition = loadSync(path, { defaults: true });
  const Reflection = makeClientConstructor(definition['grpc.reflection.v1.ServerReflection'] as never, 'ServerReflection');
  const client = new Reflection(`localhost:${port}`, credentials.createInsecure());
  const call = (client['ServerReflectionInfo'] as () => import('@grpc/grpc-js').ClientDuplexStream<object, Message>).call(client);
  try {
    call.write({ listServices: '*' });
    const reply = await new Promise<Message>((resolve, reject) => call.once('data', resolve).once('error', reject));
    return (reply['listServicesResponse'] as { service: { name: string }[] }).service.map(({ name }) => name);
  } finally {
    call.end();
    client.close();
  }
}
