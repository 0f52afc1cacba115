/**
 * Opens a database of an older schema as the product does, in a process that dies by kill -9 before the n-th thing that it asks of SQLite
 * once a transaction is open: `node migrating-process.ts series|outbox PATH N`. It ends by itself when there is no n-th.
 */
import Database from 'better-sqlite3';
import { openForWriting } from '../../cloud/server/storage/open-database.ts';
import { openOutboxFile } from '../../edge/server/outbox-schema.ts';

const [, , store, path = '', nth] = process.argv;
let left = Number(nth);

type Method = (this: unknown, ...args: unknown[]) => unknown;

function dieBefore(target: Record<string, Method>, name: string): void {
  const real = target[name] as Method;
  target[name] = function (this: unknown, ...args: unknown[]) {
    const { database = this } = this as { database?: unknown };
    if ((database as Database.Database).inTransaction && --left === 0) process.kill(process.pid, 'SIGKILL');
    return real.apply(this, args);
  };
}

const probe = new Database(':memory:');
const statement = Object.getPrototypeOf(probe.prepare('SELECT 1')) as Record<string, Method>;
const database = Object.getPrototypeOf(probe) as Record<string, Method>;
for (const name of ['exec', 'pragma']) dieBefore(database, name);
dieBefore(statement, 'run');
probe.close();

if (store === 'series') openForWriting(path).close();
else openOutboxFile(path, 1 << 30).database.close();
