/**
 * Pure: the OpenAPI document as a page. Made on the server, without script, inline style or picture, so that the strictest policy
 * holds, and so that it reads on a phone and aloud. What can be tried is a link or a line for a shell.
 */
import type { RouteWords } from './api-route.ts';
import type { OpenApiDocument } from './openapi-document.ts';
import { templateOf } from './routes/meta.ts';

/** What of a JSON schema is shown. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  example?: string;
  pattern?: string;
}

export const DOCS_STYLE = `:root { color-scheme: light dark; }
:root { --line: #b8c0c8; --soft: #eef1f4; --ink: #14202b; --paper: #fff; --link: #0b4f8a; }
@media (prefers-color-scheme: dark) { :root { --line: #4a5662; --soft: #1d2730; --ink: #e8edf2; --paper: #11181e; --link: #8cc4ff; } }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
a { color: var(--link); }
h1, h2, h3 { line-height: 1.2; }
h3 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; background: var(--soft); overflow-wrap: anywhere; }
code { padding: 0 0.2em; }
pre { padding: 0.6rem; white-space: pre-wrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem 0.3rem 0; border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: 0.4rem 0; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
`;

/** A page for which none is told asks for one that is not there. */
export const DOCS_MARK =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 3h12v2H2zm0 4h12v2H2zm0 4h8v2H2z" fill="#0b4f8a"/></svg>';

export function docsPage(document: OpenApiDocument, routes: readonly RouteWords[]): string {
  const groups = (document.tags ?? []).map(({ name }) => ({ name, its: routes.filter(({ group }) => group === name) }));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(document.info.title)} API ${escaped(document.info.version)}</title>
<link rel="stylesheet" href="/docs.css">
<link rel="icon" type="image/svg+xml" href="/docs.svg">
</head>
<body>
<header>
<h1>${escaped(document.info.title)} API ${escaped(document.info.version)}</h1>
${paragraphs(document.info.description ?? '')}
<p>For programs: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI ${escaped(document.openapi)}).
The dashboard: <a href="/">/</a>.</p>
<p>Where a token is demanded: <code>curl -H "Authorization: Bearer TOKEN" ORIGIN/api/v1</code>,
or <a href="/login">/login</a> in a browser.</p>
</header>
<nav aria-label="Routes">
<h2>Routes</h2>
${groups.map(({ name, its }) => `<p>${escaped(name)}</p>\n<ul>${its.map(linkOf).join('')}</ul>`).join('\n')}
<p><a href="#schemas">Shapes of the answers</a></p>
</nav>
<main>
${groups.map(({ name, its }) => `<h2>${escaped(name)}</h2>\n${its.map((route) => sectionOf(route, document)).join('\n')}`).join('\n')}
<h2 id="schemas">Shapes of the answers</h2>
${Object.entries(document.components?.schemas ?? {})
  .map(([name, schema]) => schemaSection(name, schema as Schema))
  .join('\n')}
</main>
</body>
</html>
`;
}

function linkOf({ operationId, path, summary, method = 'get' }: RouteWords): string {
  return `<li><a href="#${operationId}"><code>${method.toUpperCase()} ${escaped(templateOf(path))}</code></a> ${escaped(summary)}</li>`;
}

function sectionOf(route: RouteWords, document: OpenApiDocument): string {
  const { operationId, path, method = 'get', summary, description, example, replies } = route;
  const operation = document.paths?.[templateOf(path)]?.[method];
  const parameters = (operation?.parameters ?? []) as { name: string; in: string; required?: boolean; schema?: Schema }[];
  const problems = Object.entries(operation?.responses ?? {}).filter(([code]) => Number(code) >= 400) as [
    string,
    { description: string },
  ][];
  return `<section aria-labelledby="${operationId}">
<h3 id="${operationId}"><code>${method.toUpperCase()} ${escaped(templateOf(path))}</code></h3>
<p><strong>${escaped(summary)}.</strong> ${description === undefined ? '' : inline(description)}</p>
${parameters.length === 0 ? '' : tableOf(['Parameter', 'Is', 'Meaning'], parameters.map(parameterRow), `Parameters of ${operationId}`)}
<p>Answers ${
    Object.keys(replies).length === 0
      ? 'with another address'
      : Object.entries(replies)
          .map(([type]) => answerOf(type, operation?.responses))
          .join(', ')
  }</p>
<details><summary>Problems</summary>${tableOf(
    ['Status', 'When'],
    problems.map(([code, { description: words }]) => [escaped(code), escaped(words)]),
    `Problems of ${operationId}`,
  )}</details>
${example === undefined ? '' : tryOut(example)}
</section>`;
}

function parameterRow({
  name,
  in: place,
  required = false,
  schema = {},
}: {
  name: string;
  in: string;
  required?: boolean;
  schema?: Schema;
}): string[] {
  const rule = [schema.enum === undefined ? '' : schema.enum.map((word) => `<code>${escaped(String(word))}</code>`).join(' ')];
  if (schema.example !== undefined) rule.push(`e.g. <code>${escaped(schema.example)}</code>`);
  const words = [inline(schema.description ?? ''), ...rule].filter((text) => text !== '').join('; ');
  return [`<code>${escaped(name)}</code>`, `${place}${required ? ', needed' : ''}`, words];
}

function answerOf(type: string, responses: unknown): string {
  const content = (responses as Record<string, { content?: Record<string, { schema?: Schema }> }> | undefined)?.['200']?.content;
  const schema = content?.[type]?.schema;
  return `<code>${escaped(type)}</code>${schema === undefined || schema.type === 'string' ? '' : `: ${typeWords(schema)}`}`;
}

function tryOut(example: string): string {
  const shell = `<pre>curl 'ORIGIN${escaped(example)}'</pre>`;
  return example.includes('{') ? shell : `<p><a href="${escaped(example)}">Try it here</a></p>\n${shell}`;
}

function schemaSection(name: string, schema: Schema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, its]) => [
    `<code>${escaped(key)}</code>`,
    `${typeWords(its)}${schema.required?.includes(key) === true ? '' : ', may be left out'}`,
    inline(its.description ?? ''),
  ]);
  return `<section aria-labelledby="schema-${name}">
<h3 id="schema-${name}">${escaped(name)}</h3>
${schema.description === undefined ? '' : `<p>${inline(schema.description)}</p>`}
${rows.length === 0 ? '' : tableOf(['Name', 'Type', 'Meaning'], rows, `Names of ${name}`)}
</section>`;
}

function typeWords(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
    return `<a href="#schema-${escaped(name)}">${escaped(name)}</a>`;
  }
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeWords).join(' or ');
  if (schema.enum !== undefined) return schema.enum.map((word) => `<code>${escaped(String(word))}</code>`).join(' or ');
  const types = [schema.type ?? 'object'].flat().map((type) => (type === 'array' ? `list of ${typeWords(schema.items ?? {})}` : type));
  return `${types.join(' or ')}${schema.format === undefined ? '' : ` (${escaped(schema.format)})`}`;
}

/** A wide table is scrolled by itself, also with the keyboard. */
function tableOf(names: readonly string[], rows: readonly (readonly string[])[], label: string): string {
  const head = names.map((name) => `<th scope="col">${name}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n');
  const table = `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
  return `<div class="wide" tabindex="0" role="region" aria-label="${escaped(label)}">${table}</div>`;
}

function paragraphs(text: string): string {
  return text
    .split('\n\n')
    .map((block) => {
      if (!block.startsWith('- ')) return `<p>${inline(block)}</p>`;
      return `<ul>${block
        .split('\n')
        .map((line) => `<li>${inline(line.slice(2))}</li>`)
        .join('')}</ul>`;
    })
    .join('\n');
}

/** Text with words in backticks. */
function inline(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
