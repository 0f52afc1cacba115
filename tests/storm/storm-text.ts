/** What a red storm says. */
import type { StormSize } from './storm-plan.ts';

/** The one command that runs it again. */
export function replayCommand(seed: number, size: StormSize = {}): string {
  const { noCodec, ...named } = size;
  const options = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  if (noCodec === true) options.push('--no-codec');
  return ['npm run storm -- --seed', seed, ...options].join(' ');
}
