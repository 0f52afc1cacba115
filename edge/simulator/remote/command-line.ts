/** The command of a simulator, as a mosaik sim_config has it. Pure. */
import { CosimError } from '../cosim/errors.ts';

export interface CommandWords {
  /** host:port of where the simulator is to connect. */
  addr: string;
  python: string;
}

/** Replaces %(addr)s, %(python)s and %%. @throws CosimError WORLD_MISUSED for any other % */
export function fillCommand(command: string, words: CommandWords): string {
  return command.replace(/%(?:\((\w*)\)s|%|[^]?)/g, (found, name: string | undefined) => {
    if (found === '%%') return '%';
    if (name === 'addr' || name === 'python') return words[name];
    throw misused(`${found} in the command "${command}" stands for nothing`, 'write %(addr)s, %(python)s, or %% for a percent sign');
  });
}

/**
 * Splits a command as a POSIX shell does, without anything else that a shell does: no variables, no wildcards, no pipes.
 * Single quotes keep all; in double quotes a backslash escapes " and \ only; outside it escapes everything.
 * @throws CosimError WORLD_MISUSED for a quote that is not closed, and for no word at all
 */
export function splitCommand(command: string): [string, ...string[]] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [part] of command.matchAll(/\s+|'[^']*'|"(?:[^"\\]|\\[^])*"|\\[^]|[^\s'"\\]+|['"\\]/g)) {
    if (/^\s/.test(part)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + unquoted(part, command);
  }
  if (word !== undefined) words.push(word);
  const [program, ...args] = words;
  if (program === undefined) throw misused('the command is empty', 'name a program');
  return [program, ...args];
}

function unquoted(part: string, command: string): string {
  if (part === "'" || part === '"' || part === '\\') {
    const what = part === '\\' ? 'ends with a backslash' : `has a ${part} that is not closed`;
    throw misused(`the command ${command} ${what}`, 'close it, or write a backslash before it');
  }
  if (part.startsWith("'")) return part.slice(1, -1);
  if (part.startsWith('"')) return part.slice(1, -1).replace(/\\(["\\])/g, '$1');
  return part.startsWith('\\') ? part.slice(1) : part;
}

/** @throws CosimError WORLD_MISUSED */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^\s*(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})\s*$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw misused(`${address} is not an address`, 'write host:port, e.g. 127.0.0.1:5555');
  return { host: (match[1] ?? match[2]) as string, port };
}

function misused(message: string, hint: string): CosimError {
  return new CosimError('WORLD_MISUSED', message, hint);
}
