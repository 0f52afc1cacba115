/**
 * Makes two backups, or restores one twice over itself, and says what is done: `node backup-writer.ts backup|restore HOME STATE MADE`.
 * All that it writes for good lies in HOME.
 */
import { join } from 'node:path';
import { backUp, restoreInto } from '../doubles/backups.ts';

const [, , what, home = '', state = '', made = ''] = process.argv;
const say = (text: string) => process.stdout.write(`${text}\n`);

if (what === 'backup') {
  for (const name of ['first', 'second']) {
    await backUp(state, join(home, name));
    say(name);
  }
} else {
  await restoreInto(join(home, 'state'), made);
  say('first');
  await restoreInto(join(home, 'state'), made, { force: true });
  say('second');
}
