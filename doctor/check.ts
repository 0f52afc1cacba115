/** What a look at the machine gave: one line for people, one object for programs. Pure. */
import { EXIT } from '../common/errors.ts';

export interface Check {
  name: string;
  /** `missing`: it can't go on without. `warn`: it can, or it is for tests only. */
  state: 'ok' | 'warn' | 'missing';
  says: string;
  /** What mends it. */
  remedy?: string;
  /** A service that the settings name does not answer, or not us. */
  unreachable?: true;
}

const STATE_WIDTH = 'missing'.length;
const NAME_WIDTH = 14;

export function ok(name: string, says: string): Check {
  return { name, state: 'ok', says };
}

export function warn(name: string, says: string, remedy: string): Check {
  return { name, state: 'warn', says, remedy };
}

export function missing(name: string, says: string, remedy: string): Check {
  return { name, state: 'missing', says, remedy };
}

export function unreachable(name: string, says: string, remedy: string): Check {
  return { name, state: 'missing', says, remedy, unreachable: true };
}

export function lineOf({ name, state, says, remedy }: Check): string {
  const line = `${state.padEnd(STATE_WIDTH)}  ${name.padEnd(NAME_WIDTH)}  ${says}${remedy === undefined ? '' : ` → ${remedy}`}`;
  return line.replaceAll('\n', ' ');
}

/** 3 outranks 1: a machine that is whole waits for its service. */
export function exitCodeFor(checks: readonly Check[]): number {
  if (checks.some((check) => check.unreachable === true)) return EXIT.unreachable;
  return checks.some(({ state }) => state === 'missing') ? EXIT.failed : EXIT.ok;
}
