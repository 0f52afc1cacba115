/** What a storm's edges and cloud keep their data in: SQLite files, or their doubles in memory. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import type { SeriesStore } from '../../cloud/server/storage/series-store.ts';
import { type PostalCodes, SqliteSeriesStore } from '../../cloud/server/storage/sqlite-series-store.ts';
import type { Clock } from '../../common/clock.ts';
import type { EdgeStore, EdgeStoreOptions } from '../../edge/server/edge-store.ts';
import { MemoryEdgeFile, openMemoryEdge } from '../doubles/memory-edge-file.ts';
import { MemorySeriesFile, MemorySeriesStore } from '../doubles/memory-series-store.ts';
import { type HeldSource, heldOfMemory, readCloudFile } from './cloud-file.ts';
import { FolderDisk, MemoryDisk, type StormDisk } from './storm-disk.ts';
import { makeStormFolder } from './storm-files.ts';

export const STORE_KINDS = ['sqlite', 'memory'] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

/** A store of one life; `setFull` is for the time that it is open. */
export interface Opened<Store> {
  store: Store;
  /** No room on the disk any more, or room again. */
  setFull: (isFull: boolean) => void;
}

export interface EdgePlace {
  disk: StormDisk;
  /** @param make the class that a storm puts around the production one */
  open: (options: Omit<EdgeStoreOptions, 'folder' | 'open'>, make: (options: EdgeStoreOptions) => EdgeStore) => Opened<EdgeStore>;
}

export interface CloudStoreOptions {
  windowMs: number;
  postalCodes: PostalCodes;
  clock: Clock;
}

export interface CloudPlace {
  kind: StoreKind;
  disk: StormDisk;
  /** Folder of the database, for a planted fault that changes it. */
  stateDir: string;
  open: (options: CloudStoreOptions) => Opened<SeriesStore>;
  /** What is held of each source, read beside the store. */
  held: () => Map<string, HeldSource>;
}

export interface StormStores {
  edge: (name: string) => EdgePlace;
  cloud: () => CloudPlace;
  remove: () => void;
}

export function openStores(kind: StoreKind): StormStores {
  return kind === 'sqlite' ? sqliteStores() : memoryStores();
}

function sqliteStores(): StormStores {
  const folder = makeStormFolder();
  return {
    edge: (name) => {
      const disk = new FolderDisk(join(folder, name));
      return {
        disk,
        open: (options, make) => {
          const store = make({ ...options, folder: disk.state });
          return { store, setFull: (isFull) => limitPages(edgeDatabase(store), isFull) };
        },
      };
    },
    cloud: () => {
      const stateDir = join(folder, 'cloud', 'state');
      return {
        kind: 'sqlite',
        disk: new FolderDisk(join(folder, 'cloud'), join(stateDir, 'cloud')),
        stateDir,
        open: (options) => {
          const store = new SqliteSeriesStore({ ...options, stateDir });
          return { store, setFull: (isFull) => limitPages(cloudDatabase(store), isFull) };
        },
        held: () => readCloudFile(stateDir),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A file that can't grow is SQLite's own SQLITE_FULL, at whatever write needs a page. */
function limitPages(database: Database.Database | undefined, isFull: boolean): void {
  if (database === undefined) return;
  const before = fullBefore.get(database) ?? (database.pragma('max_page_count', { simple: true }) as number);
  fullBefore.set(database, before);
  const pages = database.pragma('page_count', { simple: true }) as number;
  database.pragma(`max_page_count = ${isFull ? pages : before}`);
}

const fullBefore = new WeakMap<Database.Database, number>();

/** The stores show nobody their connections; only a test fills a disk. */
function edgeDatabase(store: EdgeStore): Database.Database | undefined {
  const { file } = store as unknown as { file?: { outbox: { database: Database.Database } } };
  return file?.outbox.database;
}

function cloudDatabase(store: SqliteSeriesStore): Database.Database | undefined {
  return (store as unknown as { open?: { database: Database.Database } }).open?.database;
}

function memoryStores(): StormStores {
  return {
    edge: () => {
      const disk = new MemoryDisk(() => new MemoryEdgeFile());
      return {
        disk,
        open: (options, make) => {
          const { file } = disk;
          const store = make({ ...options, folder: '', open: (its) => openMemoryEdge(file, its) });
          return { store, setFull: (isFull) => void (file.isFull = isFull) };
        },
      };
    },
    cloud: () => {
      const disk = new MemoryDisk(() => new MemorySeriesFile());
      return {
        kind: 'memory',
        disk,
        stateDir: '',
        open: (options) => {
          const { file } = disk;
          return { store: new MemorySeriesStore({ ...options, file }), setFull: (isFull) => void (file.isFull = isFull) };
        },
        held: () => heldOfMemory(disk.file),
      };
    },
    remove: () => undefined,
  };
}
