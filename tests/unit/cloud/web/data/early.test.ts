import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { askEarly, earlyAnswered, request, takeEarly } from '../../../../../cloud/web/data/early.ts';

/** Answers every question with its path; those for `/never` not at all. */
async function serverFor(t: TestContext) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.accept}`);
    if (request.url !== '/never') response.end(JSON.stringify({ path: request.url }));
    else response.once('close', () => asked.push('given up'));
  });
  t.after(() => server.close().closeAllConnections());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { asked, at: (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` };
}

/** As data/request.ts asks. */
async function ask(path: string, signal?: AbortSignal): Promise<unknown> {
  return (await (takeEarly(path, signal) ?? request(path, signal))).json();
}

test('who asks the same takes the answer under way, once', async (t) => {
  const { asked, at } = await serverFor(t);
  askEarly(at('/a'));
  assert.equal(takeEarly(at('/b'), undefined), undefined);
  assert.deepEqual(await ask(at('/b')), { path: '/b' });
  assert.deepEqual(await ask(at('/a')), { path: '/a' });
  assert.deepEqual(asked.toSorted(), ['/a application/json', '/b application/json'], 'asked once, as everything is asked');
  assert.deepEqual(await ask(at('/a')), { path: '/a' });
  assert.equal(asked.length, 3, 'the second time it is asked anew');
});

test('it is given up with who took it, and a failure is told to who takes it', async (t) => {
  const { asked, at } = await serverFor(t);
  const given = new AbortController();
  askEarly(at('/never'));
  const answer = assert.rejects(ask(at('/never'), given.signal), { name: 'AbortError' });
  while (asked.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  given.abort();
  await answer;
  while (asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(asked[1], 'given up');
  const nobody = 'http://127.0.0.1:9/nobody';
  askEarly(nobody);
  await assert.rejects(ask(nobody), TypeError);
});

test('it is answered when the last byte is there, whoever takes it; where nothing was asked there is nothing to wait for', async (t) => {
  await earlyAnswered();
  let end: () => void = () => undefined;
  const server = createServer((_request, response) => {
    response.write('{"half":');
    end = () => response.end('1}');
  });
  t.after(() => server.close().closeAllConnections());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const path = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slow`;
  askEarly(path);
  let isAnswered = false;
  const answered = earlyAnswered().then(() => (isAnswered = true));
  await once(server, 'request');
  const answer = ask(path);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(isAnswered, false);
  end();
  assert.deepEqual(await answer, { half: 1 });
  await answered;
  askEarly('http://127.0.0.1:9/nobody');
  await earlyAnswered();
});

test('what nobody takes is given up', { timeout: 30_000 }, async (t) => {
  const { asked, at } = await serverFor(t);
  askEarly(at('/never'));
  while (asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(asked[1], 'given up');
  assert.equal(takeEarly(at('/never'), undefined), undefined);
});
