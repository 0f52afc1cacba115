/** `fogline parked list|resume`: what an edge holds back and why, and the word to go on. The edge may be running or not. */
import { join } from 'node:path';
import type { CommandOptions } from '../../common/command.ts';
import { ConfigError, EXIT } from '../../common/errors.ts';
import { askToResume, listParked, type ParkedHousehold, withOutbox } from './parked-households.ts';

export async function list({ stateDir, json }: CommandOptions): Promise<number> {
  const parked = withOutbox(join(stateDir, 'edge'), listParked);
  process.stdout.write(json ? `${JSON.stringify({ parked })}\n` : describe(parked));
  return EXIT.ok;
}

/** @param households empty for all that are parked */
export async function resume({ stateDir, json }: CommandOptions, households: readonly string[]): Promise<number> {
  const resumed = withOutbox(join(stateDir, 'edge'), (database) => {
    const parked = listParked(database).map(({ household }) => household);
    const wanted = households.length === 0 ? parked : households;
    const other = wanted.find((household) => !parked.includes(household));
    if (other !== undefined)
      throw new ConfigError(`household ${other} is not parked`, `parked are: ${parked.length === 0 ? 'none' : parked.join(', ')}`);
    askToResume(database, wanted);
    return wanted;
  });
  process.stdout.write(json ? `${JSON.stringify({ resumed })}\n` : told(resumed));
  return EXIT.ok;
}

function told(resumed: readonly string[]): string {
  if (resumed.length === 0) return 'no household is parked\n';
  return `asked: ${resumed.join(', ')}; a running edge goes on within seconds, another at its start\n`;
}

function describe(parked: readonly ParkedHousehold[]): string {
  if (parked.length === 0) return 'no household is parked\n';
  const lines = parked.map(({ household, reason, rows }) => `${household}  ${rows} rows wait  ${reason}`);
  return `${lines.join('\n')}\nmend the reason, then: fogline parked resume HOUSEHOLD\n`;
}
