/**
 * The state of the small model: what lies on disks, what is in memory, what is on its way. Values are never changed in
 * place: an action makes a new world that shares what it did not touch. `keyOf` names a state; equal keys are equal states.
 */
import type { HelloRequest, LinkReply, Part, PartsRequest, Reading, TopicMessage } from '../../common/messages.ts';
import { EdgeLedger, type NewRow, type OpenEntry } from '../../common/protocol/edge-ledger.ts';
import type { SeqIntervals } from '../../common/protocol/seq-intervals.ts';

/** A record of the topic. */
export interface Message {
  /** Unique in its scenario. */
  name: string;
  message: Exclude<TopicMessage, { kind: 'unreadable' }>;
}

export interface Log {
  /** Another number: the log was replaced. */
  id: number;
  /** Offset of the first record kept. */
  base: number;
  records: readonly Message[];
  /** Next produce of the simulator. */
  nextProduce: number;
  /** Committed offset of the edge's group. */
  committed: number;
}

export interface TopicPosition {
  nextOffset: number;
  logId: number;
  /** Name of the record at nextOffset - 1. */
  record: string;
}

export interface OutboxRow {
  id: number;
  /** What was sent is as good as queued. */
  state: 'queued' | 'acked';
  source: string;
  row: NewRow;
}

/** The edge's database. */
export interface EdgeDisk {
  ledger: EdgeLedger;
  rows: readonly OutboxRow[];
  nextRowId: number;
  /** By partition. */
  positions: readonly (TopicPosition | undefined)[];
}

/** A request that the edge waits for. */
export interface Pending {
  /** Smallest number free at the edge; with the life it tells which reply belongs here. */
  slot: number;
  kind: 'hello' | 'parts';
  batch: readonly OutboxRow[];
}

/** What an edge process forgets when it ends. */
export interface EdgeMemory {
  /** Names the process; and what it claims by, as long as each start has a claim of its own. */
  life: string;
  isHelloDue: boolean;
  /** Start id of the cloud that answered the last hello, empty before. */
  startId: string;
  pending: readonly Pending[];
  waitingFor: readonly string[];
  /** The log holds more of what the cloud lacks than was taken after the last hello. */
  hasMoreToRefill: boolean;
  /** Next offset that the broker delivers, by partition; undefined while nothing is consumed. */
  consuming: readonly ({ offset: number; logId: number } | undefined)[];
}

export interface Edge {
  name: string;
  disk: EdgeDisk;
  memory: EdgeMemory;
}

export interface CloudSource {
  covered: SeqIntervals;
  declared: SeqIntervals;
  parts: readonly Part[];
}

export interface Owner {
  generation: number;
  claim: string;
  /** For the checker only: which process it was. */
  life: string;
}

/** The cloud's database. */
export interface CloudDisk {
  owners: ReadonlyMap<string, Owner>;
  /** By household/device/src. */
  sources: ReadonlyMap<string, CloudSource>;
}

export interface Packet {
  edge: string;
  life: string;
  slot: number;
  /** Nobody waits for the answer any more: the edge gave up, crashed, or this is a second copy. */
  isStale: boolean;
  body: { kind: 'hello'; hello: HelloRequest } | { kind: 'parts'; parts: PartsRequest } | LinkReply;
  key: string;
}

/** What may still happen, by fault; an action that is not in the list may always happen. */
export type Budget = Readonly<Partial<Record<Fault, number>>>;
export const FAULTS = [
  'timeout',
  'duplicate',
  'repeat',
  'crash',
  /** Of the edge, while it works in the answer to a hello. */
  'half hello',
  'cloud crash',
  'restore',
  'take-over',
  'clone',
  'edge restore',
  'replace',
  'idle',
  'trim',
  'retention',
  'backup',
  'copy',
] as const;
export type Fault = (typeof FAULTS)[number];
export interface World {
  logs: readonly Log[];
  edges: readonly Edge[];
  cloud: { disk: CloudDisk; startId: string };
  backup: CloudDisk | undefined;
  copy: EdgeDisk | undefined;
  packets: readonly Packet[];
  left: Budget;
  /** Numbers for new processes of edges, cloud starts, logs and edges. */
  made: { lives: number; starts: number; logs: number; edges: number };
  /** For the checker only: readings that a replaced log lost, and that retention deleted, by name. */
  lost: { replaced: ReadonlySet<string>; retained: ReadonlySet<string>; isRestored: boolean };
}

export interface Scenario {
  name: string;
  windowMs: number;
  partitionOf: (household: string) => number;
  /** What the simulator appends, by partition, produce by produce. The last produce of each ends the run. */
  produces: readonly (readonly (readonly Message[])[])[];
  /** What is true: every reading of the sources, those not in the run too. */
  readings: readonly Reading[];
  /** Readings that the topic says are not in the run. */
  notInRun: ReadonlySet<Reading>;
  rowsPerRequest: number;
  requestsInFlight: number;
  /** Readings taken from the log after one hello. */
  refillReadingsMax: number;
  budget: Budget;
  /** Offsets of rows decide something only where retention can delete. */
  looksAtOffsets: boolean;
  /** Requests and replies go through the wire's bytes. */
  isOverWire: boolean;
  /** R5 is checked too: no process is served that another has taken the place of. Else only what becomes of the readings is. */
  looksAtLives: boolean;
}

export function emptyWorld(scenario: Scenario): World {
  const world: World = {
    logs: scenario.produces.map((_, id) => ({ id, base: 0, records: [], nextProduce: 0, committed: 0 })),
    edges: [],
    cloud: { disk: { owners: new Map(), sources: new Map() }, startId: 's0' },
    backup: undefined,
    copy: undefined,
    packets: [],
    left: scenario.budget,
    made: { lives: 0, starts: 0, logs: scenario.produces.length, edges: 0 },
    lost: { replaced: new Set(), retained: new Set(), isRestored: false },
  };
  return withNewEdge(world, emptyEdgeDisk(scenario));
}

export function emptyEdgeDisk(scenario: Scenario): EdgeDisk {
  return { ledger: new EdgeLedger(scenario.windowMs), rows: [], nextRowId: 1, positions: scenario.produces.map(() => undefined) };
}

export function freshMemory(disk: EdgeDisk, life: string): EdgeMemory {
  return {
    life,
    isHelloDue: true,
    startId: '',
    pending: [],
    waitingFor: [],
    hasMoreToRefill: false,
    consuming: disk.positions.map(() => undefined),
  };
}

export function withNewEdge(world: World, disk: EdgeDisk): World {
  const made = { ...world.made, lives: world.made.lives + 1, edges: world.made.edges + 1 };
  const edge: Edge = { name: `E${made.edges}`, disk, memory: freshMemory(disk, `c${made.lives}`) };
  return { ...world, made, edges: [...world.edges, edge] };
}

export function withEdge(world: World, edge: Edge): World {
  return { ...world, edges: world.edges.map((other) => (other.name === edge.name ? edge : other)) };
}

export function withLog(world: World, partition: number, log: Log): World {
  return { ...world, logs: world.logs.map((other, i) => (i === partition ? log : other)) };
}

export function cloneLedger(from: EdgeLedger): EdgeLedger {
  const ledger = new EdgeLedger(from.windowMs);
  for (const [key, source] of from.sources) {
    const { seen, covered, declared, gapped } = source;
    const copy = { ...source, seen: seen.clone(), covered: covered.clone(), declared: declared.clone(), gapped: gapped.clone() };
    ledger.sources.set(key, copy);
  }
  for (const [partition, entries] of from.open) for (const [key, entry] of entries) ledger.openIn(partition).set(key, cloneOpen(entry));
  for (const [household, generation] of from.generations) ledger.generations.set(household, generation);
  for (const [household, reason] of from.parked) ledger.parked.set(household, reason);
  return ledger;
}

function cloneOpen(entry: OpenEntry): OpenEntry {
  return { ...entry, part: { ...entry.part, stats: [...entry.part.stats], digest: { ...entry.part.digest } } };
}

/** What is on the disk after a commit: of the working ledger only what it says has changed, as in LedgerStore.save. */
export function savedLedger(before: EdgeLedger, working: EdgeLedger): EdgeLedger {
  const ledger = new EdgeLedger(before.windowMs);
  for (const [key, source] of before.sources) ledger.sources.set(key, source);
  for (const key of working.changedSources) {
    const source = working.sources.get(key);
    if (source !== undefined) ledger.sources.set(key, source);
  }
  for (const [partition, entries] of before.open) for (const [key, entry] of entries) ledger.openIn(partition).set(key, entry);
  for (const [key, partition] of working.changedOpen) {
    const entry = working.openIn(partition).get(key);
    if (entry === undefined) ledger.openIn(partition).delete(key);
    else ledger.openIn(partition).set(key, entry);
  }
  for (const [household, generation] of working.generations) ledger.generations.set(household, generation);
  for (const [household, reason] of working.parked) ledger.parked.set(household, reason);
  return ledger;
}
