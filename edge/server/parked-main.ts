/** `fogline parked list|resume`: what is held back and why, and the word to go on. The edge may be running or not. */
import { join } from 'node:path';
import { FOGLINE } from '../../common/installation.ts';
import type { CommandOptions } from '../../common/command.ts';
import { plural } from '../../common/count-text.ts';
import { ConfigError, EXIT } from '../../common/errors.ts';
import { plainLine } from '../../common/plain-text.ts';
import {
  askToResume,
  hasOutbox,
  listParked,
  listUnreadable,
  type ParkedHousehold,
  type Unreadable,
  withOutbox,
} from './parked-households.ts';

/** A household that the simulator has parked, because its file could not be read on. */
export interface ParkedFile {
  household: string;
  reason: string;
}

interface HeldBack {
  parked: readonly ParkedHousehold[];
  /** By the simulator. */
  parkedFiles: readonly ParkedFile[];
  unreadable: Unreadable;
}

/** Unreadable records that are shown to people, and to programs. */
const RECORDS_SHOWN = 10;
const RECORDS_TOLD = 1_000;
/** Characters of a record in a line for people. */
const RECORD_LENGTH_SHOWN = 60;
const FILE_REMEDY = 'put its file back, then start the same command again: it goes on where it was';

/** @param parkedFiles of the simulator in the same state */
export async function list({ stateDir, json }: CommandOptions, parkedFiles: readonly ParkedFile[]): Promise<number> {
  const folder = join(stateDir, 'edge');
  const nothing = { parked: [], unreadable: { count: 0, last: [] } };
  const ofEdge = parkedFiles.length > 0 && !hasOutbox(folder) ? nothing : withOutbox(folder, read);
  const heldBack: HeldBack = { parked: ofEdge.parked, parkedFiles, unreadable: ofEdge.unreadable };
  process.stdout.write(json ? `${JSON.stringify(heldBack)}\n` : describe(heldBack));
  return EXIT.ok;

  function read(database: Parameters<typeof listParked>[0]) {
    return { parked: listParked(database), unreadable: listUnreadable(database, json ? RECORDS_TOLD : RECORDS_SHOWN) };
  }
}

/** @param households empty for all that are parked */
export async function resume(
  { stateDir, json }: CommandOptions,
  households: readonly string[],
  parkedFiles: readonly ParkedFile[],
): Promise<number> {
  const resumed = withOutbox(join(stateDir, 'edge'), (database) => {
    const parked = listParked(database).map(({ household }) => household);
    const wanted = households.length === 0 ? parked : households;
    const other = wanted.find((household) => !parked.includes(household));
    if (other !== undefined) throw notParked(other, parked, parkedFiles);
    askToResume(database, wanted);
    return wanted;
  });
  process.stdout.write(json ? `${JSON.stringify({ resumed })}\n` : told(resumed));
  return EXIT.ok;
}

function notParked(household: string, parked: readonly string[], parkedFiles: readonly ParkedFile[]): ConfigError {
  if (parkedFiles.some((file) => file.household === household)) {
    return new ConfigError(`household ${household} is parked by the simulator, not by the edge`, FILE_REMEDY);
  }
  return new ConfigError(`household ${household} is not parked`, `parked are: ${parked.length === 0 ? 'none' : parked.join(', ')}`);
}

function told(resumed: readonly string[]): string {
  if (resumed.length === 0) return 'no household is parked\n';
  return `asked: ${resumed.join(', ')}; a running edge goes on within seconds, another at its start\n`;
}

function describe({ parked, parkedFiles, unreadable }: HeldBack): string {
  const lines = parked.map(
    ({ household, reason, rows }) => `${household}  ${plural(rows, 'row')} ${rows === 1 ? 'waits' : 'wait'}  ${reason}`,
  );
  if (parked.length > 0) lines.push(`mend the reason, then: ${FOGLINE} parked resume HOUSEHOLD`);
  for (const { household, reason } of parkedFiles) lines.push(`${household}  by the simulator  ${reason}`);
  if (parkedFiles.length > 0) lines.push(FILE_REMEDY);
  if (lines.length === 0) lines.push('no household is parked');
  const { count } = unreadable;
  if (count > 0) lines.push(`${plural(count, 'record')} of the topic unreadable and set aside, the last:`);
  for (const { partition, offset, reason, record } of unreadable.last)
    lines.push(`  partition ${partition} offset ${offset}  ${reason}  ${JSON.stringify(record.slice(0, RECORD_LENGTH_SHOWN))}`);
  return `${lines.map(plainLine).join('\n')}\n`;
}
