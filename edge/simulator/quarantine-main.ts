/** `fogline quarantine list`: the rejected rows of a state as a table, or as JSON. The simulator may be running or not. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CommandOptions } from '../../common/command.ts';
import { plural } from '../../common/count-text.ts';
import { EXIT, OperatingError } from '../../common/errors.ts';
import { plainLine } from '../../common/plain-text.ts';
import { type QuarantinedRow, readQuarantine } from './quarantine.ts';

/** Characters of a row that are shown. JSON has up to 1,000. */
const ROW_LENGTH_SHOWN = 80;

export async function list({ stateDir, json }: CommandOptions): Promise<number> {
  const folder = join(stateDir, 'simulator');
  if (!existsSync(folder)) {
    throw new OperatingError('DATA_UNREADABLE', `there is no simulator state at ${folder}`, {
      retryable: false,
      hint: 'give --state the folder of a run',
    });
  }
  const quarantined = readQuarantine(folder);
  process.stdout.write(json ? `${JSON.stringify({ quarantined })}\n` : tableOf(quarantined));
  return EXIT.ok;
}

function tableOf(rows: readonly QuarantinedRow[]): string {
  if (rows.length === 0) return 'no row is in quarantine\n';
  const cells = rows.map(({ file, line, reason, raw }) => [basename(file), String(line), reason, shown(raw)]);
  const table = [['FILE', 'LINE', 'REASON', 'ROW'], ...cells];
  const widths = [0, 1, 2].map((column) => table.reduce((width, cell) => Math.max(width, (cell[column] as string).length), 0));
  const lines = table.map((cell) => cell.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '));
  return `${lines.map(plainLine).join('\n')}\n${plural(rows.length, 'row')} in quarantine\n`;
}

/** On one line, whatever is in it. */
function shown(raw: string): string {
  const text = JSON.stringify(raw.slice(0, ROW_LENGTH_SHOWN)).slice(1, -1);
  return raw.length > ROW_LENGTH_SHOWN ? `${text}…` : text;
}
