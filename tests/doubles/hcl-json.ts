/** Terraform files as JSON. The parser is WebAssembly that never lets go of its process, so it has one of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const PATIENT_MS = 120_000;
const CHILD = `
import { parse } from '@cdktf/hcl2json';
import { readFileSync, writeSync } from 'node:fs';
const parsed = [];
try {
  for (const text of JSON.parse(readFileSync(0, 'utf8'))) parsed.push(await parse('a.tf', text));
} catch (error) {
  process.stderr.write(String(error));
  process.exit(1);
}
const answer = Buffer.from(JSON.stringify(parsed));
for (let sent = 0; sent < answer.length; ) sent += writeSync(1, answer, sent);
process.exit(0);
`;

/** A value, list or map of values; references stand in strings as `${…}`. */
export type Hcl = string | number | boolean | null | Hcl[] | { [name: string]: Hcl };
export type Body = Record<string, Hcl>;
/** Blocks of two labels: bodies by type and name. A list, for a name might stand there twice. */
export type Labelled = Record<string, Record<string, Body[]>>;

/** What a Terraform file holds, blocks of all files together. */
export interface Module {
  terraform?: Body[];
  variable?: Record<string, Body[]>;
  output?: Record<string, Body[]>;
  module?: Record<string, Body[]>;
  provider?: Record<string, Body[]>;
  locals?: Body[];
  resource?: Labelled;
  data?: Labelled;
}

/** @param texts of Terraform files; @returns what is in each */
function parsedTexts(texts: readonly string[]): Module[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', CHILD], {
    cwd: TOP,
    input: JSON.stringify(texts),
    encoding: 'utf8',
    timeout: PATIENT_MS,
    maxBuffer: 256 * 1024 * 1024,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Module[];
}

/**
 * Many copies of a folder at once, for each process takes its time.
 *
 * @param folders text by name
 * @returns for each, all its files as Terraform sees them: one
 */
export function hclModules(folders: readonly Readonly<Record<string, string>>[]): Module[] {
  const texts = [...new Set(folders.flatMap((files) => Object.values(files)))];
  const parsed = parsedTexts(texts);
  return folders.map((files) => {
    const all = {};
    for (const text of Object.values(files)) merge(all, structuredClone(parsed[texts.indexOf(text)]!) as Record<string, unknown>);
    return all;
  });
}

export function hclModule(files: Readonly<Record<string, string>>): Module {
  return hclModules([files])[0]!;
}

function merge(into: Record<string, unknown>, from: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(from)) {
    const there = into[key];
    if (Array.isArray(there) && Array.isArray(value)) there.push(...value);
    else if (typeof there === 'object' && there !== null) merge(there as Record<string, unknown>, value as Record<string, unknown>);
    else into[key] = value;
  }
}
