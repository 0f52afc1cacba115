/**
 * The cloud's thin orchestration over the pure rules, as in cloud/server/receiver.ts and SqliteSeriesStore.{hello,append}, and
 * what must hold of its disk at every moment.
 */
import { sourceKey } from '../../common/ids.ts';
import {
  type HelloHousehold,
  type HelloRequest,
  type LinkReply,
  type Part,
  type PartsRequest,
  rangeOf,
  type ShippedRow,
  type Verdict,
} from '../../common/messages.ts';
import { applyStored, claimHousehold, judgeRow, type SourceView } from '../../common/protocol/receiver-rules.ts';
import { missingFromAll, SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { type Model, Violation } from './small-model-edge.ts';
import type { CloudDisk, CloudSource, Packet, World } from './small-model-world.ts';

/**
 * Answers a request; the world's cloud is the one after its commit.
 * @param life whose request it is, whatever it claims
 */
export function answer(model: Model, world: World, body: Packet['body'], life: string): { world: World; reply: LinkReply } {
  const { startId, disk } = world.cloud;
  if ('hello' in body) {
    const after = hello(model, disk, body.hello, life);
    return {
      world: withCloudDisk(world, after.disk),
      reply: { kind: 'hello', startId, claim: body.hello.claim, households: after.households },
    };
  }
  if (!('parts' in body)) throw new Error('a reply was sent to the cloud');
  if (isOfAnotherStart(model, world, body.parts)) return { world, reply: { kind: 'hello_first', startId } };
  const { disk: after, ...result } = append(model, disk, body.parts, life);
  return { world: withCloudDisk(world, after), reply: { kind: 'parts', startId, postalCodes: {}, ...result } };
}

/** True when a request nobody waits for can change nothing any more: it need not be kept. */
export function isHarmless(model: Model, world: World, { body }: Packet): boolean {
  const { disk } = world.cloud;
  if ('hello' in body) return body.hello.households.length === 0;
  if (!('parts' in body)) return true;
  const { parts } = body;
  if (isOfAnotherStart(model, world, parts)) return true;
  return parts.rows.every((row) => {
    const { household, device, src, fromSeq, toSeq } = rangeOf(row);
    const owner = disk.owners.get(household);
    // A generation only grows within one start of the cloud.
    const isRefused = !model.off.has('a part of another generation is refused');
    if (isRefused && owner !== undefined && owner.generation > (parts.generations[household] ?? 0)) return true;
    return disk.sources.get(sourceKey(household, device, src))?.covered.containsAll(fromSeq, toSeq) ?? false;
  });
}

function isOfAnotherStart({ off }: Model, world: World, parts: PartsRequest): boolean {
  return parts.startId !== world.cloud.startId && !off.has('the start id tells another cloud process');
}

function withCloudDisk(world: World, disk: CloudDisk): World {
  return disk === world.cloud.disk ? world : { ...world, cloud: { ...world.cloud, disk } };
}

function hello({ off }: Model, disk: CloudDisk, request: HelloRequest, life: string): { disk: CloudDisk; households: HelloHousehold[] } {
  const owners = new Map(disk.owners);
  let isChanged = false;
  const households = request.households.map(({ household, generation }): HelloHousehold => {
    const current = owners.get(household);
    const known = off.has('a repeated claim keeps its generation') && current !== undefined ? { ...current, claim: '' } : current;
    const given = claimHousehold(known, request.claim, generation);
    if (current?.generation !== given || current.life !== life) {
      owners.set(household, { generation: given, claim: request.claim, life });
      isChanged = true;
    }
    const sources = [...disk.sources].flatMap(([key, { covered, declared, parts }]) => {
      const [held, device, src] = key.split('/') as [string, string, string];
      if (held !== household) return [];
      return [{ device, src, covered: covered.ranges(), declared: declared.ranges(), greatestMs: greatestMs(parts) ?? 0 }];
    });
    return { household, generation: given, postalCode: '', sources };
  });
  return { disk: isChanged ? { ...disk, owners } : disk, households };
}

function append(
  model: Model,
  before: CloudDisk,
  request: PartsRequest,
  life: string,
): { disk: CloudDisk; verdicts: { verdict: Verdict }[]; generations: Record<string, number> } {
  const { off } = model;
  let disk = before;
  const generations: Record<string, number> = {};
  const verdicts = request.rows.map((row): { verdict: Verdict } => {
    const { household, device, src } = rangeOf(row);
    const owner = before.owners.get(household);
    const isOwner = owner?.claim === request.claim && owner.generation === request.generations[household];
    if (!isOwner && !off.has('a part of another generation is refused')) {
      generations[household] = owner?.generation ?? 0;
      return { verdict: 'not_owner' };
    }
    const key = sourceKey(household, device, src);
    const verdict = judge(model, disk, key, row);
    if (model.scenario.looksAtLives && owner !== undefined && owner.life !== life)
      throw new Violation(`a row of ${life} is ${verdict}, and ${owner.life} has taken its place`);
    if (verdict === 'stored') disk = store(disk, key, row);
    return { verdict };
  });
  return { disk, verdicts, generations };
}

function judge({ off }: Model, disk: CloudDisk, key: string, row: ShippedRow): Verdict {
  const verdict = judgeRow(viewOf(disk, key), row);
  if (verdict === 'gap' && off.has('a gap is refused')) return 'stored';
  if (verdict === 'overlap' && off.has('an overlap is refused')) return 'stored';
  return verdict;
}

function viewOf(disk: CloudDisk, key: string): SourceView {
  const { covered, declared, parts } = disk.sources.get(key) ?? emptySource();
  const [household, device] = key.split('/') as [string, string];
  const others = [...disk.sources].filter(([other]) => other !== key && other.startsWith(`${household}/${device}/`));
  return {
    covered,
    declared,
    digestOf: (fromSeq, toSeq) => parts.find((part) => part.fromSeq === fromSeq && part.toSeq === toSeq)?.digest,
    otherGreatestMs: greatestMs(others.flatMap(([, other]) => other.parts)),
  };
}

function store(disk: CloudDisk, key: string, row: ShippedRow): CloudDisk {
  const held = disk.sources.get(key) ?? emptySource();
  const source: CloudSource = {
    covered: held.covered.clone(),
    declared: held.declared.clone(),
    parts: row.kind === 'part' ? [...held.parts, row.part] : held.parts,
  };
  applyStored(source, row);
  return { ...disk, sources: new Map(disk.sources).set(key, source) };
}

function emptySource(): CloudSource {
  return { covered: new SeqIntervals(), declared: new SeqIntervals(), parts: [] };
}

function greatestMs(parts: readonly Part[]): number | undefined {
  return parts.length === 0 ? undefined : Math.max(...parts.map(({ lastMs }) => lastMs));
}

/** No reading twice, none in a wrong window, none both stored and declared, no hole: at every moment. */
export function checkCloud({ scenario }: Model, disk: CloudDisk): void {
  for (const [key, { covered, declared, parts }] of disk.sources) {
    const stored = new Set<number>();
    for (const { fromSeq, toSeq, windowStartMs } of parts) {
      for (let seq = fromSeq; seq <= toSeq; seq++) {
        if (stored.has(seq)) throw new Violation(`seq ${seq} of ${key} is counted twice`);
        stored.add(seq);
        const reading = scenario.readings.find((other) => other.seq === seq && sourceKey(other.household, other.device, other.src) === key);
        if (reading === undefined) throw new Violation(`seq ${seq} of ${key} is stored and was never read`);
        const isInside = reading.timeMs >= windowStartMs && reading.timeMs < windowStartMs + scenario.windowMs;
        if (!isInside) throw new Violation(`seq ${seq} of ${key} is in the wrong window`);
        if (declared.has(seq)) throw new Violation(`seq ${seq} of ${key} is stored and declared missing`);
        if (!covered.has(seq)) throw new Violation(`seq ${seq} of ${key} is stored and not covered`);
      }
    }
    if (covered.size !== stored.size) throw new Violation(`${key} is covered beyond what is stored`);
    const holes = missingFromAll(1, Math.max(covered.max, declared.max), [covered, declared]);
    if (holes.length > 0) throw new Violation(`a gap of ${key} was accepted: ${JSON.stringify(holes)}`);
  }
}
