/**
 * Starts a series store on a damaged file in a process of its own, and says on stdout what is promised:
 * `node salvaging-writer.ts STATE FOLDER`. The damaged state is copied into FOLDER and is on the disk when "damaged 1" is said.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { syncFile } from '../../common/folders.ts';
import { openStores } from './announcing-writer.ts';

const [from = '', folder = ''] = process.argv.slice(2);
const cloud = join(folder, 'state/cloud');
mkdirSync(cloud, { recursive: true });
for (const name of readdirSync(join(from, 'cloud'))) {
  const bytes = readFileSync(join(from, 'cloud', name));
  const descriptor = openSync(join(cloud, name), 'wx');
  // At a place: what the log of writes has a meaning for.
  writeSync(descriptor, bytes, 0, bytes.length, 0);
  fsyncSync(descriptor);
  closeSync(descriptor);
}
for (const each of [cloud, join(folder, 'state'), folder]) syncFile(each);
writeSync(1, 'damaged 1\n');
const store = openStores(folder).series();
await store.start();
writeSync(1, 'started 1\n');
await store.stop();
