/**
 * The settings of settings.ts with their values: defaults < config.ini < FOGLINE_SECTION_KEY < command line. Every value knows
 * where it came from. Also the only file that reads the process environment.
 *
 * What does not happen: an unknown name or a value out of bounds is never ignored or mended, it is a ConfigError.
 */
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { FOGLINE } from './installation.ts';
import { environmentEntries } from './config-environment.ts';
import { type ConfigEntry, readConfigFile } from './config-file.ts';
import { ConfigError } from './errors.ts';
import type { LogLevel } from './logger.ts';
import { likelyWord } from './nearest-word.ts';
import type { ManagerWishes } from './service-manager.ts';
import { type Section, SETTINGS, type Setting } from './settings.ts';

/** What a setting's value is in the program. A number whose default is empty is null when it is empty. */
type SettingValue<S> = S extends { kind: infer Kind; default: infer Default } ? ValueOfKind<Kind, Default> : never;

type ValueOfKind<Kind, Default> = Kind extends 'integer' | 'number'
  ? Default extends ''
    ? number | null
    : number
  : Kind extends 'flag'
    ? boolean
    : Kind extends readonly (infer Choice)[]
      ? Choice
      : string;

/** `config.cloud.http_port`, `config.broker.kind`, … Paths are absolute, or empty when not given. */
export type Config = {
  readonly [S in Section]: { readonly [K in keyof (typeof SETTINGS)[S]]: SettingValue<(typeof SETTINGS)[S][K]> };
};

/** `cloud.http_port` */
export type SettingName = { [S in Section]: `${S}.${keyof (typeof SETTINGS)[S] & string}` }[Section];

export interface SettingOrigin {
  /** `default`, a file's path, `environment FOGLINE_…` or `command line`. */
  origin: string;
  /** The text as written; secrets are shown as `(secret)`. */
  text: string;
}

export interface LoadedConfig {
  config: Config;
  /** By `section.key`, in the order of settings.ts. */
  origins: ReadonlyMap<string, SettingOrigin>;
  /** Lines for the operator, e.g. about old names that were read. */
  notices: readonly string[];
}

export interface ConfigSources {
  /** A config.ini; undefined reads none. */
  file?: string | undefined;
  env?: Readonly<Record<string, string | undefined>>;
  /** `section.key=value`, the last of a key counts. */
  sets?: readonly string[];
  /** Where relative paths of environment and command line begin; those of a file begin at its folder. */
  cwd?: string;
}

type SettingTable = Readonly<Record<string, Readonly<Record<string, Setting>>>>;

/** @throws ConfigError for an unreadable file, an unknown name or a value that is not allowed */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const loaded = loadSettings(SETTINGS, sources);
  const config = loaded.values as unknown as Config;
  checkRelations(config);
  return { config, origins: loaded.origins, notices: loaded.notices };
}

/** Defaults with these changed: `configWith({ 'cloud.http_port': '0' })`. Reads no file and no environment. */
export function configWith(changes: Partial<Record<SettingName, string>>): Config {
  return loadConfig({ sets: Object.entries(changes).map(([name, value]) => `${name}=${value}`) }).config;
}

/** loadConfig for any table of settings; exported for its tests. */
export function loadSettings(table: SettingTable, sources: ConfigSources) {
  const cwd = sources.cwd ?? process.cwd();
  const notices: string[] = [];
  const given = new Map<string, ConfigEntry>();
  const refusals: ConfigError[] = [];
  const take = (entries: readonly ConfigEntry[]) => {
    for (const entry of entries) attempt(refusals, () => given.set(knownName(table, entry), entry));
  };
  if (sources.file !== undefined) take(readConfigFile(resolve(cwd, sources.file), notices));
  take(environmentEntries(table, sources.env ?? {}, cwd, (read) => attempt(refusals, read)));
  take((sources.sets ?? []).map((set) => setEntry(set, cwd)));

  const values: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, SettingOrigin>();
  for (const [section, keys] of Object.entries(table)) {
    const sectionValues: Record<string, unknown> = {};
    for (const [key, setting] of Object.entries(keys)) {
      const name = `${section}.${key}`;
      const entry = given.get(name) ?? { name, text: setting.default, origin: 'default', base: cwd };
      attempt(refusals, () => (sectionValues[key] = parseValue(setting, entry)));
      origins.set(name, { origin: entry.origin, text: setting.kind === 'secret' && entry.text !== '' ? '(secret)' : entry.text });
    }
    values[section] = sectionValues;
  }
  if (refusals.length > 0) throw allOf(refusals);
  return { values, origins, notices };
}

/** Goes on after a refusal, so that the operator is told of all at once. */
function attempt(refusals: ConfigError[], read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refusals.push(error);
  }
}

function allOf(refusals: readonly ConfigError[]): ConfigError {
  const [first] = refusals;
  if (first !== undefined && refusals.length === 1) return first;
  const lines = refusals.map(({ message, remedy }) => `\n  ${message}: ${remedy}`);
  return new ConfigError(`${refusals.length} settings are not allowed:${lines.join('')}`, 'mend each of them');
}

function knownName(table: SettingTable, entry: ConfigEntry): string {
  const [section = '', key = ''] = entry.name.split('.', 2);
  const keys = Object.hasOwn(table, section) ? table[section] : undefined;
  if (keys !== undefined && Object.hasOwn(keys, key)) return entry.name;
  const known = Object.entries(table).flatMap(([name, its]) => Object.keys(its).map((knownKey) => `${name}.${knownKey}`));
  if (keys === undefined) {
    throw new ConfigError(
      `unknown section [${section}] (${entry.name}, from ${entry.origin})`,
      `${didYouMean(section, Object.keys(table))}sections: ${Object.keys(table).join(', ')}`,
    );
  }
  throw new ConfigError(
    `unknown setting ${entry.name} (from ${entry.origin})`,
    `${didYouMean(entry.name, known)}all settings: ${FOGLINE} config show`,
  );
}

/** Nothing for a word that is like no other. */
function didYouMean(word: string, known: Iterable<string>): string {
  const likely = likelyWord(word, known);
  return likely === undefined ? '' : `did you mean ${likely}? `;
}

function setEntry(set: string, cwd: string): ConfigEntry {
  const match = /^([^.=\s]+\.[^.=\s]+)=(.*)$/s.exec(set);
  if (match === null) throw new ConfigError(`--set ${set} is not section.key=value`, 'write for example --set cloud.http_port=5007');
  return { name: match[1]!, text: match[2]!.trim(), origin: 'command line', base: cwd };
}

function parseValue(setting: Setting, entry: ConfigEntry): unknown {
  const { text } = entry;
  const { kind } = setting;
  if (kind === 'text') return text;
  if (kind === 'path') return text === '' || isAbsolute(text) ? text : resolve(entry.base, text);
  if (kind === 'secret') return readSecret(entry);
  if (kind === 'flag') return parseFlag(entry);
  if (kind === 'integer' || kind === 'number') return parseNumber(setting, entry);
  if (kind.includes(text)) return text;
  throw refusal(entry, `one of ${kind.join(', ')}`, didYouMean(text, kind).trim());
}

/** A secret never stands in a settings file or on a command line: there it is `file:PATH`. */
function readSecret(entry: ConfigEntry): string {
  const { text, origin } = entry;
  if (text === '' || origin.startsWith('environment ')) return text;
  if (!text.startsWith('file:')) {
    throw new ConfigError(`${entry.name} is a secret and must not stand in ${origin}`, 'give it by the environment, or write file:PATH');
  }
  const path = resolve(entry.base, text.slice('file:'.length));
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new ConfigError(`${entry.name} (from ${origin}): ${path} can't be read`, 'name a file that can be read', { cause });
  }
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

function parseFlag(entry: ConfigEntry): boolean {
  const flag = FLAGS.get(entry.text.toLowerCase());
  if (flag === undefined) throw refusal(entry, 'true or false');
  return flag;
}

function parseNumber(setting: Setting, entry: ConfigEntry): number | null {
  if (entry.text === '' && setting.default === '') return null;
  const integer = setting.kind === 'integer';
  const pattern = integer ? /^-?\d+$/ : /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
  const value = pattern.test(entry.text) ? Number(entry.text) : Number.NaN;
  if (!Number.isFinite(value) || (integer && !Number.isSafeInteger(value))) throw refusal(entry, integer ? 'a whole number' : 'a number');
  const { min, max } = setting;
  if ((min === undefined || value >= min) && (max === undefined || value <= max)) return value;
  throw refusal(entry, max === undefined ? `at least ${min}` : min === undefined ? `at most ${max}` : `between ${min} and ${max}`);
}

function refusal(entry: ConfigEntry, expected: string, hint = ''): ConfigError {
  const remedy = `${entry.name} must be ${expected}${hint === '' ? '' : `; ${hint}`}`;
  return new ConfigError(`${entry.name} = ${entry.text === '' ? '(empty)' : entry.text} (from ${entry.origin}) is not allowed`, remedy);
}

function checkRelations(config: Config): void {
  const { simulation, link } = config;
  speedFactor(config);
  if (simulation.until_seconds !== null && simulation.until_seconds <= simulation.start_seconds) {
    throw new ConfigError(
      `simulation.until_seconds = ${simulation.until_seconds} is not after simulation.start_seconds = ${simulation.start_seconds}`,
      'both count from the earliest reading: make until (--until) greater than start (--start)',
    );
  }
  if (link.heartbeat_deadline_seconds > link.heartbeat_seconds) {
    throw new ConfigError(
      `link.heartbeat_deadline_seconds = ${link.heartbeat_deadline_seconds} is above link.heartbeat_seconds = ${link.heartbeat_seconds}`,
      'a heartbeat must be lost before the next one is due: lower the deadline',
    );
  }
  checkKept(config);
}

function checkKept({ cloud }: Config): void {
  const keys = ['keep_raw_days', 'keep_1m_days', 'keep_15m_days'] as const;
  for (const [i, key] of keys.entries()) {
    const finer = keys.slice(0, i).find((its) => cloud[key] > 0 && (cloud[its] === 0 || cloud[its] > cloud[key]));
    if (finer === undefined) continue;
    throw new ConfigError(
      `cloud.${key} = ${cloud[key]} is shorter than cloud.${finer} = ${cloud[finer]}${cloud[finer] === 0 ? ' (for ever)' : ''}`,
      'keep what is finer for at most as long as what it is summed up in',
    );
  }
}

/** `simulation.speed` as a number: simulated seconds per second, Infinity for `max`. */
export function speedFactor(config: Config): number {
  const { speed } = config.simulation;
  if (speed === 'max') return Number.POSITIVE_INFINITY;
  const factor = /^\d+(\.\d+)?$/.test(speed) ? Number(speed) : 0;
  if (factor > 0) return factor;
  throw new ConfigError(`simulation.speed = ${speed} is not allowed`, 'simulation.speed must be a number above 0, or max');
}

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

export interface ProcessEnvironment {
  /** FOGLINE_LOG_LEVEL, `info` unless given. */
  logLevel: LogLevel;
  /** FOGLINE_STATE_DIR, where --state is not given. */
  stateDir: string | undefined;
  /** FOGLINE_FAILPOINT, `name` or `name:nth` (failpoints.ts); tests only. */
  failpoint: string | undefined;
  /** FOGLINE_CHILD_OF_RUN=1: this process ends when its stdin does. */
  childOfRun: boolean;
  /** What a service manager set in this process's environment. It is meant for this one, not for its parent or its children. */
  manager: ManagerWishes;
}

/** @throws ConfigError for an unknown log level */
export function processEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): ProcessEnvironment {
  const level = env['FOGLINE_LOG_LEVEL'] ?? 'info';
  const logLevel = LOG_LEVELS.find((known) => known === level);
  if (logLevel === undefined) {
    throw new ConfigError(`FOGLINE_LOG_LEVEL = ${level} is not allowed`, `one of ${LOG_LEVELS.join(', ')}`);
  }
  const childOfRun = env['FOGLINE_CHILD_OF_RUN'] === '1';
  const manager = childOfRun ? { wantsWord: false, watchdogMs: undefined } : managerWishes(env);
  return {
    logLevel,
    stateDir: env['FOGLINE_STATE_DIR'] || undefined,
    failpoint: env['FOGLINE_FAILPOINT'] || undefined,
    childOfRun,
    manager,
  };
}

/** As systemd's sd_notify and sd_watchdog_enabled read them. */
function managerWishes(env: Readonly<Record<string, string | undefined>>): ManagerWishes {
  const wantsWord = (env['NOTIFY_SOCKET'] ?? '') !== '';
  const { WATCHDOG_USEC: microseconds = '', WATCHDOG_PID: pid = '' } = env;
  const isMine = pid === '' || pid === String(process.pid);
  return { wantsWord, watchdogMs: wantsWord && isMine && Number(microseconds) > 0 ? Number(microseconds) / 1_000 : undefined };
}

/** The whole environment of this process, for loadConfig and for child processes. */
export function processVariables(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
