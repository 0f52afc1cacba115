import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { API_ROUTES, LISTED } from '../../../../../cloud/server/api/api-routes.ts';
import { openApiDocument } from '../../../../../cloud/server/api/openapi-document.ts';
import { templateOf } from '../../../../../cloud/server/api/routes/meta.ts';
import { checkDocumented, documentedFetch } from '../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud } from '../../../../doubles/running-cloud.ts';

let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ states: { a: 'DE-BB', b: 'DE-TH' } });
  await cloud.shipPower('a', 100, 24);
  await cloud.shipPower('b', 200, 12);
  cloud.heartbeat('edge-1');
});

after(() => cloud.stop());

test('the document is OpenAPI 3.1, and a broken one is not taken for it', async () => {
  const validator = new Validator();
  const document = JSON.parse(JSON.stringify(openApiDocument(LISTED, true))) as Record<string, unknown>;
  const { valid, errors } = await validator.validate(structuredClone(document));
  assert.equal(valid, true, JSON.stringify(errors)?.slice(0, 2_000));
  assert.equal(validator.version, '3.1');
  const broken = { ...document, paths: { '/x': { get: { responses: { 200: { content: 1 } } } } } };
  assert.equal((await new Validator().validate(broken)).valid, false);
});

test('the server gives the same document', async () => {
  const given = await (await documentedFetch(`${cloud.url}/api/openapi.json`)).json();
  assert.deepEqual(given, JSON.parse(JSON.stringify(openApiDocument(LISTED, false))));
});

test('every operation has a summary, a name of its own, a security, and words for each parameter', () => {
  const document = openApiDocument(LISTED, true);
  const operations = Object.values(document.paths ?? {}).flatMap((item) => [item.get, item.post].filter((its) => its !== undefined));
  assert.equal(operations.length, LISTED.length);
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
  for (const { operationId, summary, security, parameters = [], responses = {} } of operations) {
    assert((summary ?? '').length > 3, operationId);
    assert(security !== undefined, operationId);
    for (const parameter of parameters as { name: string; description?: string }[])
      assert((parameter.description ?? '').length > 3 || parameter.name === 'format', `${operationId} ${parameter.name}`);
    assert('429' in responses && '500' in responses, operationId);
  }
});

/** Every route that express knows, in the routers too. */
function pathsOf(stack: readonly { route?: { path: unknown; methods?: Record<string, boolean> }; handle?: unknown }[]): string[] {
  return stack.flatMap(({ route, handle }) => {
    if (route !== undefined) return Object.keys(route.methods ?? {}).map((method) => `${method} ${String(route.path)}`);
    const inner = (handle as { stack?: typeof stack } | undefined)?.stack;
    return inner === undefined ? [] : pathsOf(inner);
  });
}

test('every route of the server is in the document, and every route of the document is in the server', () => {
  const router = cloud.api.application.router as unknown as { stack: Parameters<typeof pathsOf>[0] };
  const mounted = pathsOf(router.stack).sort();
  const listed = LISTED.map(({ path, method = 'get' }) => `${method} ${path}`).sort();
  assert.deepEqual(mounted, listed);
  assert(mounted.length > 25);
  const document = openApiDocument(LISTED, true);
  for (const { path, method = 'get' } of LISTED) assert(document.paths?.[templateOf(path)]?.[method] !== undefined, path);
});

test('every documented GET answers as documented, at its example or with a household that is there', async () => {
  const giveUp = new AbortController();
  for (const { path, example, operationId } of API_ROUTES) {
    const address = (example ?? path).replace('{id}', 'a').replace(':id', 'edge-1');
    const response = await documentedFetch(cloud.url + address, { signal: giveUp.signal }).catch((error: unknown) => {
      throw new Error(operationId, { cause: error });
    });
    assert.equal(response.status, 200, `${operationId} ${address}: ${response.status}`);
    if (operationId !== 'getStream') await response.text();
  }
  giveUp.abort();
  for (const path of ['/livez', '/login', '/']) {
    const response = await fetch(cloud.url + path, { redirect: 'manual' });
    assert([200, 303, 503].includes(response.status), path);
    await response.text();
  }
});

test('a wrong answer is caught: a name that is not told of, a wrong type, a status, a content type', async () => {
  const good = await (await fetch(`${cloud.url}/api/v1/edges`)).text();
  const answer = (body: string, status = 200, type = 'application/json') =>
    new Response(body, { status, headers: { 'content-type': type } });
  const check = (response: Response) => checkDocumented('GET', '/api/v1/edges', response);
  await check(answer(good));
  const edges = JSON.parse(good) as { edges: Record<string, unknown>[] };
  const withEdge = (changes: object) => answer(JSON.stringify({ edges: edges.edges.map((edge) => ({ ...edge, ...changes })) }));
  assert.equal(edges.edges.length, 1);
  await assert.rejects(check(withEdge({ secret: 1 })), /additional/);
  await assert.rejects(check(withEdge({ queued: '3' })), /must be number/);
  await assert.rejects(check(withEdge({ state: 'asleep' })), /allowed values/);
  await assert.rejects(check(withEdge({ lastHeartbeatAt: 'yesterday' })), /date-time/);
  await assert.rejects(check(answer('{}')), /required/);
  await assert.rejects(check(answer(good, 202)), /status 202/);
  await assert.rejects(check(answer(good, 200, 'text/plain')), /text\/plain/);
  await assert.rejects(check(answer('{"title":"x"}', 400, 'application/problem+json')), /required/);
  await assert.rejects(checkDocumented('GET', '/api/v1/nothing', answer('{}', 404, 'application/problem+json')), /required/);
});
