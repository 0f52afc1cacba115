/** Reads a config.ini into entries, and the names that older systems used in theirs. The one door to `ini`. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse } from 'ini';
import { ConfigError } from './errors.ts';

/** One value with the place it was written at; the name is not checked yet. */
export interface ConfigEntry {
  /** `section.key` */
  name: string;
  text: string;
  origin: string;
  /** Folder where a relative path begins. */
  base: string;
}

/**
 * @param notices lines for the operator are added here
 * @throws ConfigError when the file can't be read or something stands outside a section
 */
export function readConfigFile(path: string, notices: string[]): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  for (const [section, keys] of Object.entries(parseFile(path))) {
    if (typeof keys !== 'object' || keys === null) {
      throw new ConfigError(`${path}: ${section} stands outside a section`, 'put it below a line like [cloud]');
    }
    for (const [key, value] of Object.entries(keys)) {
      if (typeof value === 'object' && value !== null) {
        throw new ConfigError(
          `${path}: [${section}] ${key} is not a single value`,
          'write each setting once, as key = value, in a section without a dot',
        );
      }
      const text = String(value);
      const alias = ALIASES[section]?.[key];
      if (alias === undefined) entries.push({ name: `${section}.${key}`, text, origin: path, base: dirname(path) });
      else entries.push(...readAlias(alias, `[${section}] ${key}`, text, path, notices));
    }
  }
  return entries;
}

function parseFile(path: string): Record<string, unknown> {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigError(`${path} can't be read`, 'name a file that exists with --config FILE', { cause });
  }
}

interface Alias {
  name?: string;
  /** True when the text can be taken over as it is. */
  fits: (text: string) => boolean;
  /** Said when it does not fit. */
  otherwise: string;
}

const anyText = () => true;
const isSeconds = (text: string) => /^\d+(\.\d+)?$/.test(text);

/** Sections and keys of the systems before Fogline. */
const ALIASES: Readonly<Record<string, Readonly<Record<string, Alias>>>> = {
  Sim: {
    start: { name: 'simulation.start_seconds', fits: isSeconds, otherwise: 'a date never had an effect there; give seconds' },
    end: { name: 'simulation.until_seconds', fits: isSeconds, otherwise: 'give seconds' },
    household_data_dir: { name: 'simulation.data_dir', fits: anyText, otherwise: '' },
  },
  Server: {
    kafka_address: { name: 'broker.kafka_brokers', fits: anyText, otherwise: '' },
    gcp_node: { name: 'link.cloud_host', fits: anyText, otherwise: '' },
  },
};

function readAlias(alias: Alias, written: string, text: string, path: string, notices: string[]): ConfigEntry[] {
  if (alias.name === undefined || !alias.fits(text)) {
    notices.push(`${path}: ${written} = ${text} is ignored: ${alias.otherwise}`);
    return [];
  }
  notices.push(`${path}: ${written} is an old name, read as ${alias.name}`);
  return [{ name: alias.name, text, origin: path, base: dirname(path) }];
}
