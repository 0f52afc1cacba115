/** Does the double damage one bit of one row, and nothing else? */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Database from 'better-sqlite3';
import { seededRandom } from '../../../common/random.ts';
import { flipRowBit, type Place } from '../../doubles/damaged-row.ts';

const ROWS = 20;
const folder = mkdtempSync(join(tmpdir(), 'fogline-flip-'));
after(() => rmSync(folder, { recursive: true }));

const TEXT: Place = { table: 'said', column: 'text', key: ['a', 'b'] };
const BYTES: Place = { table: 'said', column: 'bytes', key: ['a', 'b'], where: 'a > 10' };

function made(name: string): string {
  const path = join(folder, name);
  const database = new Database(path);
  database.exec('CREATE TABLE said (a INTEGER, b INTEGER, text TEXT, bytes BLOB, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID');
  const insert = database.prepare('INSERT INTO said VALUES (?, ?, ?, ?)');
  for (let n = 0; n < ROWS; n++) insert.run(n, n * 2, `[${n},"größe"]`, Buffer.from([n, 255, 0]));
  database.close();
  return path;
}

/** Of each row. */
function bitsOf(path: string): string[] {
  const database = new Database(path, { readonly: true });
  const rows = database.prepare('SELECT CAST(text AS BLOB) AS text, bytes FROM said ORDER BY a').all() as { text: Buffer; bytes: Buffer }[];
  database.close();
  return rows.map(({ text, bytes }) => Buffer.concat([text, bytes]).reduce((bits, byte) => bits + byte.toString(2).padStart(8, '0'), ''));
}

for (const [name, place] of Object.entries({ TEXT, BYTES })) {
  test(`${name}: one bit of one row that may be hit, by the seed`, () => {
    const whole = bitsOf(made(`${name}-whole`));
    const hit = new Set<number>();
    for (let seed = 1; seed <= 12; seed++) {
      const path = made(`${name}-${seed}`);
      flipRowBit(path, place, seededRandom(seed));
      const after_ = bitsOf(path);
      const rows = after_.flatMap((bits, n) => (bits === whole[n] ? [] : [n]));
      assert.equal(rows.length, 1);
      const row = rows[0] as number;
      assert.equal(
        Array.from(after_[row] as string, (bit, at) => Number(bit !== whole[row]?.[at])).reduce((sum, differs) => sum + differs, 0),
        1,
      );
      if (place === BYTES) assert.ok(row > 10);
      hit.add(row);
    }
    assert.ok(hit.size > 3, `${hit.size} rows`);
  });
}

test('a place without a row is told', () => {
  assert.throws(() => flipRowBit(made('none'), { ...TEXT, where: 'a > 1000' }, seededRandom(1)), /has no row of said to damage/);
});
