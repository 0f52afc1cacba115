/** `fogline health` against servers that answer, answer badly, say nothing, and are not there. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { PartHealth } from '../../doctor/health-main.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { freePort } from '../doubles/free-port.ts';
import { runCloud } from '../doubles/running-cloud.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const TIMEOUT = { timeout: 120_000 };

before(() => ensureBuilt());

/** @param env settings beyond those that name no port at all */
async function health(env: Record<string, string>) {
  const child = spawn(process.execPath, [ENTRY, 'health', '--json'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (text: Buffer) => (stdout += String(text)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const { well, parts } = JSON.parse(stdout) as { well: boolean; parts: PartHealth[] };
  assert.equal(code, well ? 0 : 1);
  return Object.fromEntries([['code', code], ...parts.map(({ part, state }) => [part, state])]);
}

async function serve(t: { after: (end: () => unknown) => void }, answer: RequestListener): Promise<string> {
  const port = await freePort();
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return String(port);
}

test('one part that answers is well, parts that are not here are no fault', TIMEOUT, async (t) => {
  const asked: (string | undefined)[] = [];
  const edge = await serve(t, (request, response) => {
    asked.push(request.url);
    response.end('ok');
  });
  const nobody = String(await freePort());
  const env = { FOGLINE_CLOUD_HTTP_PORT: nobody, FOGLINE_EDGE_STATUS_PORT: edge };
  assert.deepEqual(await health(env), { code: 0, cloud: 'absent', edge: 'well' });
  assert.deepEqual(asked, ['/livez']);
  assert.deepEqual(await health({ ...env, FOGLINE_SIMULATION_STATUS_PORT: edge }), {
    code: 0,
    cloud: 'absent',
    edge: 'well',
    simulate: 'well',
  });
});

test('nobody, a bad answer and no answer are not well', TIMEOUT, async (t) => {
  const nobody = String(await freePort());
  const good = await serve(t, (_request, response) => response.end('ok'));
  const bad = await serve(t, (_request, response) => response.writeHead(503).end());
  const mute = await serve(t, () => {});
  assert.deepEqual(await health({ FOGLINE_CLOUD_HTTP_PORT: nobody }), { code: 1, cloud: 'absent' });
  assert.deepEqual(await health({ FOGLINE_CLOUD_HTTP_PORT: good, FOGLINE_EDGE_STATUS_PORT: bad }), {
    code: 1,
    cloud: 'well',
    edge: 'unwell',
  });
  assert.deepEqual(await health({ FOGLINE_CLOUD_HTTP_PORT: mute }), { code: 1, cloud: 'unwell' });
});

test('a cloud that demands a token of everybody is asked without one, also where it listens everywhere', TIMEOUT, async (t) => {
  const cloud = await runCloud({ states: {}, doors: { demandsToken: true } });
  t.after(() => cloud.stop());
  assert.equal((await fetch(`${cloud.url}/readyz`)).status, 401);
  const port = new URL(cloud.url).port;
  assert.deepEqual(await health({ FOGLINE_CLOUD_HTTP_PORT: port, FOGLINE_CLOUD_HTTP_HOST: '0.0.0.0' }), { code: 0, cloud: 'well' });
});
