/** What a red storm says. */
import type { StormSize } from './storm-plan.ts';

/** The one command that runs it again. */
export function replayCommand(seed: number, size: StormSize = {}): string {
  const options = Object.entries(size).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  return ['npm run storm -- --seed', seed, ...options].join(' ');
}
