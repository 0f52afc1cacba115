/**
 * The disk as a power cut leaves it, from a log of what was done to it. What a sync has covered is there. Of what came after it nothing
 * is sure: nothing of it, its beginning, any of its writes, or of each write any of its sectors. A file's name is safe only when its
 * folder was synced. A disk that lies about syncs is not modelled.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Random } from '../../common/random.ts';
import type { DiskOp } from './write-log.ts';

const SECTOR_BYTES = 512;

export const REMAINS = ['none', 'prefix', 'subset', 'torn'] as const;
/** What is left of what no sync has covered. */
export type Remains = (typeof REMAINS)[number];

type Change = { at: number; bytes: Buffer } | { toBytes: number };

interface Inode {
  isFolder: boolean;
  changes: Change[];
  /** So many of the changes are safe. */
  synced: number;
  /** Of a folder: names made and removed. */
  names: { name: string; inode: Inode | undefined }[];
}

/** One change of two folders, or two of one: both are there after a cut, or none. */
type Rename = readonly [{ folder: Inode; at: number }, { folder: Inode; at: number }];

export interface Image {
  /** What the process had said before the cut. */
  said: string[];
  /** Changes that no sync had covered. */
  unsyncedChanges: number;
}

/** Writes the disk after a cut behind `cut` ops into the folder `into`, for what was below `folder`. */
export function writeImage(ops: readonly DiskOp[], cut: number, remains: Remains, random: Random, folder: string, into: string): Image {
  const { root, said, inodes, renames } = stateAt(ops.slice(0, cut), folder);
  let unsyncedChanges = 0;
  for (const { changes, names, synced } of inodes) unsyncedChanges += changes.length + names.length - synced;
  mkdirSync(into, { recursive: true });
  writeFolder(root, into, namesLeft(inodes, renames, remains, random), remains, random);
  return { said, unsyncedChanges };
}

function stateAt(ops: readonly DiskOp[], folder: string): { root: Inode; said: string[]; inodes: Inode[]; renames: Rename[] } {
  const root = newInode(true);
  const byPath = new Map([[folder, root]]);
  const inodes = [root];
  const said: string[] = [];
  const renames: Rename[] = [];
  const at = (path: string) => {
    const inode = byPath.get(path);
    assert.ok(inode !== undefined, `${path} is not there`);
    return inode;
  };
  for (const op of ops) {
    if (op.kind === 'said') said.push(op.text);
    else if (op.kind === 'make') {
      const inode = newInode(op.isFolder);
      inodes.push(inode);
      byPath.set(op.path, inode);
      at(dirname(op.path)).names.push({ name: basename(op.path), inode });
    } else if (op.kind === 'remove') {
      byPath.delete(op.path);
      at(dirname(op.path)).names.push({ name: basename(op.path), inode: undefined });
    } else if (op.kind === 'rename') {
      const [from, to] = [at(dirname(op.path)), at(dirname(op.to))];
      from.names.push({ name: basename(op.path), inode: undefined });
      to.names.push({ name: basename(op.to), inode: at(op.path) });
      renames.push([
        { folder: from, at: from.names.length - (from === to ? 2 : 1) },
        { folder: to, at: to.names.length - 1 },
      ]);
      for (const [path, inode] of [...byPath]) {
        if (path !== op.path && !path.startsWith(`${op.path}/`)) continue;
        byPath.delete(path);
        byPath.set(op.to + path.slice(op.path.length), inode);
      }
    } else if (op.kind === 'sync') {
      const inode = at(op.path);
      inode.synced = inode.isFolder ? inode.names.length : inode.changes.length;
    } else at(op.path).changes.push(op.kind === 'write' ? { at: op.at, bytes: op.bytes } : { toBytes: op.toBytes });
  }
  return { root, said, inodes, renames };
}

function newInode(isFolder: boolean): Inode {
  return { isFolder, changes: [], synced: 0, names: [] };
}

/** How many changes of each folder's names are there. File systems keep the order of names, and a rename is never half. */
function namesLeft(inodes: readonly Inode[], renames: readonly Rename[], remains: Remains, random: Random): Map<Inode, number> {
  const left = new Map<Inode, number>();
  for (const inode of inodes) {
    if (!inode.isFolder) continue;
    left.set(inode, inode.synced + (remains === 'none' ? 0 : random.below(inode.names.length - inode.synced + 1)));
  }
  // What one of them brings with it may be behind another.
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false;
    for (const both of renames) {
      const isThere = both.some(({ folder, at }) => (left.get(folder) ?? 0) > at);
      for (const { folder, at } of both) {
        if (!isThere || (left.get(folder) ?? 0) > at) continue;
        left.set(folder, at + 1);
        hasChanged = true;
      }
    }
  }
  return left;
}

function writeFolder(inode: Inode, into: string, left: ReadonlyMap<Inode, number>, remains: Remains, random: Random): void {
  const names = new Map(inode.names.slice(0, left.get(inode)).map(({ name, inode: its }) => [name, its]));
  for (const [name, its] of names) {
    if (its === undefined) continue;
    const target = join(into, name);
    if (its.isFolder) {
      mkdirSync(target);
      writeFolder(its, target, left, remains, random);
    } else writeFileSync(target, contentOf(its, remains, random));
  }
}

function contentOf({ changes, synced }: Inode, remains: Remains, random: Random): Buffer {
  const content = new Content();
  for (const change of changes.slice(0, synced)) content.apply(change);
  for (const change of leftOf(changes.slice(synced), remains, random)) content.apply(change);
  return content.bytes;
}

function leftOf(changes: readonly Change[], remains: Remains, random: Random): Change[] {
  if (remains === 'none') return [];
  if (remains === 'prefix') return changes.slice(0, random.below(changes.length + 1));
  const some = changes.flatMap((change) => (remains === 'torn' && 'at' in change ? sectorsOf(change) : [change]));
  return some.filter(() => random.next() < 0.5);
}

function sectorsOf({ at, bytes }: { at: number; bytes: Buffer }): Change[] {
  const sectors: Change[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES));
    sectors.push({ at: at + from, bytes: bytes.subarray(from, to) });
    from = to;
  }
  return sectors;
}

class Content {
  private buffer = Buffer.alloc(1 << 16);
  private size = 0;

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.size);
  }

  apply(change: Change): void {
    const end = 'toBytes' in change ? change.toBytes : change.at + change.bytes.length;
    if (end > this.buffer.length) {
      const larger = Buffer.alloc(end * 2);
      this.buffer.copy(larger, 0, 0, this.size);
      this.buffer = larger;
    }
    if ('toBytes' in change) {
      if (end < this.size) this.buffer.fill(0, end, this.size);
      this.size = end;
      return;
    }
    change.bytes.copy(this.buffer, change.at);
    this.size = Math.max(this.size, end);
  }
}
