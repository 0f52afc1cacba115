/**
 * Names the files of a host that are newer than a release can read: node newer-files.cjs RUNNING WANTED STATE
 * RUNNING and WANTED are folders of releases, STATE holds one folder for each part. CommonJS, for it takes the addon from RUNNING.
 */
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

const [, , running, wanted, state] = process.argv;
const Database = require(path.join(running, 'node_modules', 'better-sqlite3'));
const { schemas, version } = JSON.parse(readFileSync(path.join(wanted, 'release.json'), 'utf8'));
/** A part that writes holds others off for less. */
const BUSY_TIMEOUT_MS = 30_000;

for (const part of readdirSync(state)) {
  for (const [name, known] of Object.entries(schemas)) {
    const file = path.join(state, part, name);
    if (!existsSync(file)) continue;
    const database = new Database(file, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    const held = database.pragma('user_version', { simple: true });
    database.close();
    if (held > known) process.stdout.write(`${file} has schema ${held}, version ${version} reads up to ${known}\n`);
  }
}
