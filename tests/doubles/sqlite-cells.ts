/** Where the values of rows and index entries lie in a SQLite file, by its documented format, so that a test can flip a bit of one. */

export interface Cell {
  /** Undefined in an index and in a table without rowids. */
  rowid: number | undefined;
  /** Place and length of the rowid; of no length where there is none. */
  rowidBytes: Span;
  /** The types of the values. */
  header: Span;
  values: Span[];
}

export interface Span {
  at: number;
  length: number;
}

const LEAF_TABLE = 13;
const INNER_TABLE = 5;
const LEAF_INDEX = 10;
const INNER_INDEX = 2;

/** All cells of one b-tree with values; values that go on in an overflow page are left out. */
export function cellsOf(file: Buffer, rootPage: number): Cell[] {
  const pageBytes = file.readUInt16BE(16);
  const start = (rootPage - 1) * pageBytes;
  const header = start + (rootPage === 1 ? 100 : 0);
  const kind = file[header];
  const isInner = kind === INNER_TABLE || kind === INNER_INDEX;
  const count = file.readUInt16BE(header + 3);
  const cells: Cell[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + file.readUInt16BE(header + (isInner ? 12 : 8) + 2 * i);
    if (isInner) cells.push(...cellsOf(file, file.readUInt32BE(at)));
    if (kind !== INNER_TABLE) cells.push(cellAt(file, isInner ? at + 4 : at, kind === LEAF_TABLE));
  }
  if (isInner) cells.push(...cellsOf(file, file.readUInt32BE(header + 8)));
  if (!isInner && kind !== LEAF_TABLE && kind !== LEAF_INDEX) throw new Error(`page ${rootPage} is of no b-tree`);
  return cells;
}

function cellAt(file: Buffer, cell: number, hasRowid: boolean): Cell {
  let at = cell + varint(file, cell).length;
  const rowid = hasRowid ? varint(file, at) : { value: undefined, length: 0 };
  const rowidBytes = { at, length: rowid.length };
  at += rowid.length;
  const headerLength = varint(file, at);
  const header = { at: at + headerLength.length, length: headerLength.value - headerLength.length };
  let value = at + headerLength.value;
  const values: Span[] = [];
  for (let type = header.at; type < header.at + header.length; ) {
    const { value: code, length } = varint(file, type);
    type += length;
    const bytes = code >= 12 ? (code - (code % 2 === 0 ? 12 : 13)) / 2 : ([0, 1, 2, 3, 4, 6, 8, 8, 0, 0][code] as number);
    values.push({ at: value, length: bytes });
    value += bytes;
  }
  return { rowid: rowid.value, rowidBytes, header, values };
}

function varint(file: Buffer, at: number): { value: number; length: number } {
  let value = 0;
  for (let length = 1; ; length++) {
    const byte = file[at + length - 1] as number;
    value = value * 128 + (byte & 127);
    if (byte < 128) return { value, length };
  }
}

export function flipBit(file: Buffer, at: number, bit: number): void {
  file[at] = (file[at] as number) ^ (1 << bit);
}
