/** Names of states: equal keys mean that everything that can decide anything later is equal. */
import { rangeOf } from '../../common/messages.ts';
import type { CloudDisk, Edge, EdgeDisk, Log, OutboxRow, World } from './small-model-world.ts';

const edgeDiskKeys = new WeakMap<EdgeDisk, string>();
const cloudDiskKeys = new WeakMap<CloudDisk, string>();

/** With the budget that is left, for the search. */
export function stateKey(world: World, looksAtOffsets: boolean): string {
  const left = Object.values(world.left).join();
  const packets = world.packets.map((packet) => packet.key).sort();
  return `${durableKey(world, looksAtOffsets)}|${left}|${packets.join(';')}|${world.edges.map(waitingKey).join(';')}`;
}

/** Without budget, packets and who waits for them: what a run without faults begins with. */
export function durableKey(world: World, looksAtOffsets: boolean): string {
  const { logs, edges, cloud, backup, copy, lost } = world;
  const lostKey = `${[...lost.replaced].sort().join()}/${[...lost.retained].sort().join()}/${lost.isRestored}`;
  const saved = `${backup === undefined ? '' : cloudKey(backup)}|${copy === undefined ? '' : edgeDiskKey(copy, looksAtOffsets)}`;
  const edgeKeys = edges.map((edge) => edgeKey(edge, looksAtOffsets));
  const logKeys = logs.map((log) => logKey(log, looksAtOffsets)).join(';');
  return `${logKeys}|${edgeKeys.join(';')}|${cloud.startId}${cloudKey(cloud.disk)}|${saved}|${lostKey}`;
}

function logKey({ id, base, records, nextProduce, committed }: Log, looksAtOffsets: boolean): string {
  return `${id},${base},${records.map(({ name }) => name).join('')},${nextProduce},${looksAtOffsets ? committed : ''}`;
}

function edgeKey({ name, disk, memory }: Edge, looksAtOffsets: boolean): string {
  const consuming = memory.consuming.map((at) => (at === undefined ? '-' : `${at.offset}.${at.logId}`));
  const { life, isHelloDue, startId, waitingFor, hasMoreToRefill } = memory;
  const rest = `${life},${isHelloDue},${startId},${waitingFor.join()},${hasMoreToRefill},${consuming.join()}`;
  return `${name}:${rest}:${edgeDiskKey(disk, looksAtOffsets)}`;
}

function waitingKey({ disk, memory }: Edge): string {
  const order = sorted(disk.rows).map(({ id }) => id);
  return memory.pending
    .map(({ slot, kind, batch }) => `${slot}${kind}${batch.map(({ id }) => order.indexOf(id)).join()}`)
    .sort()
    .join();
}

function edgeDiskKey(disk: EdgeDisk, looksAtOffsets: boolean): string {
  let key = edgeDiskKeys.get(disk);
  if (key === undefined) edgeDiskKeys.set(disk, (key = makeEdgeDiskKey(disk, looksAtOffsets)));
  return key;
}

function makeEdgeDiskKey({ ledger, rows, positions }: EdgeDisk, looksAtOffsets: boolean): string {
  const texts: string[] = [];
  for (const [key, { seen, covered, declared, gapped }] of [...ledger.sources].sort(byFirst)) {
    texts.push(`${key}=${seen.ranges()}/${covered.ranges()}/${declared.ranges()}/${gapped.ranges()}`);
  }
  for (const entries of ledger.open.values()) {
    for (const { part, offset } of [...entries.values()].sort((a, b) => (a.part.device < b.part.device ? -1 : 1))) {
      texts.push(`open ${part.device}${part.src}${part.fromSeq}-${part.toSeq}${looksAtOffsets ? `@${offset}` : ''}`);
    }
  }
  texts.push(JSON.stringify([...ledger.generations].sort(byFirst)), JSON.stringify([...ledger.parked].sort(byFirst)));
  for (const row of sorted(rows)) texts.push(`${row.state}${rowText(row)}${looksAtOffsets ? `@${row.row.offset}` : ''}`);
  for (const position of positions)
    texts.push(position === undefined ? '-' : `${position.nextOffset},${position.logId},${position.record}`);
  return texts.join(' ');
}

function cloudKey(disk: CloudDisk): string {
  let key = cloudDiskKeys.get(disk);
  if (key === undefined) {
    const owners = [...disk.owners].sort(byFirst).map(([household, { generation, life }]) => `${household}:${generation}${life}`);
    const sources = [...disk.sources].sort(byFirst).map(([name, { covered, declared, parts }]) => {
      const stored = parts.map(({ fromSeq, toSeq }) => `${fromSeq}-${toSeq}`).sort();
      return `${name}=${covered.ranges()}/${declared.ranges()}/${stored.join()}`;
    });
    cloudDiskKeys.set(disk, (key = `${owners.join()} ${sources.join(' ')}`));
  }
  return key;
}

/** Row ids only say which row is which: rows are named by their place in this order. */
function sorted(rows: readonly OutboxRow[]): OutboxRow[] {
  return [...rows].sort((a, b) => {
    const [textA, textB] = [rowText(a), rowText(b)];
    return textA < textB ? -1 : textA > textB ? 1 : a.id - b.id;
  });
}

export function rowText({ row }: Pick<OutboxRow, 'row'>): string {
  const { device, src, fromSeq, toSeq } = rangeOf(row);
  return `${row.kind === 'gap' ? `gap(${row.gap.reason[0]})` : ''}${device}${src}${fromSeq}-${toSeq}`;
}

function byFirst(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
