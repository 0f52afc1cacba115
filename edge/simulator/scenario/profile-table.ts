/** The profile of a run as a table for people. Pure. */
import { MS_PER_SECOND } from '../../../common/units.ts';
import type { SimulatorProfile } from '../cosim/profile.ts';

const TITLES = ['simulator', 'steps', 'in steps', 'waiting', 'waited for'] as const;

/** Lines with a line end each. */
export function profileTable(profile: readonly SimulatorProfile[]): string {
  const rows = profile.map(({ sid, steps, busyMs, waitingMs, waitedFor }) => {
    const longest = waitedFor[0];
    return [
      sid,
      String(steps),
      secondsText(busyMs),
      secondsText(waitingMs),
      longest === undefined ? '' : `${longest.sid} ${secondsText(longest.ms)}`,
    ];
  });
  const table = [TITLES, ...rows];
  const widths = TITLES.map((_, column) => Math.max(...table.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (isText(column) ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number)))
      .join('  ');
  return table.map((row) => `${line(row).trimEnd()}\n`).join('');
}

function isText(column: number): boolean {
  return column === 0 || column === TITLES.length - 1;
}

function secondsText(ms: number): string {
  return `${(ms / MS_PER_SECOND).toFixed(2)} s`;
}
