/**
 * fetch, for tests of the API: every answer is held against the OpenAPI document. Path, status and content type must be there, and JSON
 * must be what its schema says, with no name that the document does not have.
 */
import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { LISTED } from '../../cloud/server/api/api-routes.ts';
import { openApiDocument } from '../../cloud/server/api/openapi-document.ts';

const DOCUMENT_ID = 'fogline';
const PROBLEM = 'application/problem+json';

interface Operation {
  responses: Record<string, { content?: Record<string, unknown> }>;
}

const document = JSON.parse(JSON.stringify(openApiDocument(LISTED, true))) as { paths: Record<string, Record<string, Operation>> };
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(closed(document) as object, DOCUMENT_ID);
const validators = new Map<string, ValidateFunction>();

export async function documentedFetch(address: string | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(address, init);
  await checkDocumented(init?.method ?? 'GET', new URL(address).pathname, response.clone());
  return response;
}

/** @throws AssertionError naming what the document does not have */
export async function checkDocumented(method: string, path: string, response: Response): Promise<void> {
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
  const isHead = method === 'HEAD';
  const found = templateFor(path);
  const operation = found === undefined ? undefined : document.paths[found]?.[isHead ? 'get' : method.toLowerCase()];
  if (found === undefined || operation === undefined) {
    // What is no route, or no method of one, is answered with a problem; files of the page are no routes.
    if (response.status >= 400 && !isHead) validate('/components/schemas/Problem', await response.json(), `${method} ${path}`);
    return;
  }
  if (response.status === 304) return;
  const its = operation.responses[response.status];
  assert(its !== undefined, `${method} ${path}: status ${response.status} is not in the document`);
  if (isHead || response.status === 303) return;
  assert(its.content?.[type] !== undefined, `${method} ${path}: ${response.status} with ${type} is not in the document`);
  if (type !== 'application/json' && type !== PROBLEM) return;
  const pointer = ['paths', found, method.toLowerCase(), 'responses', String(response.status), 'content', type, 'schema'];
  validate(`/${pointer.map(escaped).join('/')}`, await response.json(), `${method} ${path}`);
}

/** Of several that fit, the one with the fewest holes. */
function templateFor(path: string): string | undefined {
  const fits = Object.keys(document.paths).filter((template) => new RegExp(`^${template.replaceAll(/\{[a-z]+\}/g, '[^/]+')}$`).test(path));
  return fits.sort((a, b) => a.split('{').length - b.split('{').length)[0];
}

function validate(pointer: string, body: unknown, what: string): void {
  let check = validators.get(pointer);
  if (check === undefined) {
    check = ajv.compile({ $ref: `${DOCUMENT_ID}#${pointer}` });
    validators.set(pointer, check);
  }
  if (check(body)) return;
  const words = (check.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
  assert.fail(`${what}: the answer is not what the document says: ${words.slice(0, 5).join('; ')}`);
}

/** The document lets clients expect more names later; an answer of today has none that it does not tell of. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const its = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  return its['type'] === 'object' && its['properties'] !== undefined && its['additionalProperties'] === undefined
    ? { ...its, additionalProperties: false }
    : its;
}

function escaped(word: string): string {
  return encodeURIComponent(word.replaceAll('~', '~0').replaceAll('/', '~1'));
}
