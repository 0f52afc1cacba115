/**
 * Settings given by variables: FOGLINE_SECTION_KEY has the value, FOGLINE_SECTION_KEY_FILE names a file that holds it, as
 * container engines and service managers hand secrets over. Variables of another's, and those of FOGLINE_ that are near no
 * setting, are left alone.
 *
 * What does not happen: a setting given both ways is not decided for one of them, and a file that can't be read is not passed over.
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ConfigEntry } from './config-file.ts';
import { ConfigError } from './errors.ts';
import { editDistance, nearestWord } from './nearest-word.ts';

type Table = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Variables = Readonly<Record<string, string | undefined>>;

const FILE_SUFFIX = '_FILE';
/** A setting is a line; a longer file is another one, named by mistake. */
const FILE_BYTES_MAX = 64 << 10;

/** Variables that are not settings. Those of the tests are read by the tests. */
const OWN_VARIABLES: ReadonlySet<string> = new Set([
  'FOGLINE_LOG_LEVEL',
  'FOGLINE_STATE_DIR',
  'FOGLINE_FAILPOINT',
  'FOGLINE_CHILD_OF_RUN',
  'FOGLINE_REQUIRE_ALL',
  'FOGLINE_LONG',
  'FOGLINE_PYTHON',
  'FOGLINE_MOSAIK_PYTHON',
  'FOGLINE_CLOUD_INIT_PYTHON',
  'FOGLINE_CHROMIUM',
  'FOGLINE_CHECKOV',
  'FOGLINE_HADOLINT',
  'FOGLINE_KAFKA_OUTAGE_SECONDS',
]);

/** @param attempt runs a reading that may throw a ConfigError, so that the operator is told of all at once */
export function environmentEntries(table: Table, env: Variables, cwd: string, attempt: (read: () => void) => void): ConfigEntry[] {
  const names = new Map<string, string>();
  for (const [section, keys] of Object.entries(table)) {
    for (const key of Object.keys(keys)) names.set(`FOGLINE_${section}_${key}`.toUpperCase(), `${section}.${key}`);
  }
  const entries: ConfigEntry[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith('FOGLINE_') || OWN_VARIABLES.has(variable)) continue;
    attempt(() => {
      const entry = entryOf(variable, text.trim(), names, env, cwd);
      if (entry === undefined) refuseMistyped(variable, table, names);
      else entries.push(entry);
    });
  }
  return entries;
}

/** A setting's own name comes first: link.bundle_file is one whose value is a path. */
function entryOf(variable: string, text: string, names: ReadonlyMap<string, string>, env: Variables, cwd: string): ConfigEntry | undefined {
  const origin = `environment ${variable}`;
  const own = names.get(variable);
  if (own !== undefined) return { name: own, text, origin, base: cwd };
  if (!variable.endsWith(FILE_SUFFIX)) return undefined;
  const plain = variable.slice(0, -FILE_SUFFIX.length);
  const name = names.get(plain);
  if (name === undefined) return undefined;
  if (env[plain] !== undefined) throw new ConfigError(`${name} is given by ${plain} and by ${variable}`, 'unset one of the two');
  return { name, text: readSettingFile(text, variable, cwd), origin, base: cwd };
}

function readSettingFile(path: string, variable: string, cwd: string): string {
  if (path === '') throw new ConfigError(`${variable} names no file`, 'name one, or unset it');
  let file: number;
  try {
    file = openSync(resolve(cwd, path), 'r');
  } catch (cause) {
    throw new ConfigError(`${variable}: ${path} can't be read: ${(cause as Error).message}`, 'name a file that this user may read', {
      cause,
    });
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw new ConfigError(`${variable}: ${path} is no file`, 'name a file with the value in it');
    if (status.size > FILE_BYTES_MAX)
      throw new ConfigError(`${variable}: ${path} is too large for a setting (${status.size} bytes)`, 'name the file with the value in it');
    return readFileSync(file, 'utf8').trim();
  } finally {
    closeSync(file);
  }
}

function refuseMistyped(variable: string, table: Table, names: ReadonlyMap<string, string>): void {
  const suffix = variable.endsWith(FILE_SUFFIX) ? FILE_SUFFIX : '';
  const nearest = nearestWord(variable, [...names.keys(), ...(suffix === '' ? [] : [...names.keys()].map((name) => name + suffix))]);
  if (nearest === undefined) return;
  const namesASection = Object.keys(table).some((section) => variable.startsWith(`FOGLINE_${section.toUpperCase()}_`));
  if (!namesASection && editDistance(variable, nearest) > 2) return;
  throw new ConfigError(`unknown environment variable ${variable}`, `did you mean ${nearest}? Otherwise unset it`);
}
