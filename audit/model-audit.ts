/**
 * Households of models. There is no file of what a model gave, so its values have no truth of their own: the topic's readings take the
 * place of a file's rows, and every stage behind it is compared with them as with those, down to each window.
 *
 * Where the topic no longer has all readings of a source, its windows can't be added up again: then totals and digests of edge and cloud
 * are compared with each other, which is said.
 */
import { digestToHex } from '../common/protocol/digest.ts';
import { sourceKey } from '../common/ids.ts';
import type { SeqIntervals } from '../common/protocol/seq-intervals.ts';
import { unreadable } from './damage.ts';
import type { Findings } from './findings.ts';
import { type DeviceReport, endsOf, HouseholdAudit, type HouseholdReport, type StagesRead, type StageTotals } from './household-audit.ts';
import { type ModelSource, modelSources } from './model-rows.ts';
import type { TopicStage } from './topic-stage.ts';
import { type RunSpan, sameDigest, truthOfModel } from './truth.ts';

interface Totals {
  seqs: SeqIntervals;
  readings: number;
  digest: { high: number; low: number };
}

/** @throws OperatingError DATA_UNREADABLE when there is no topic here: then nothing could be said of them */
export async function auditModels(
  households: ReadonlySet<string>,
  stages: StagesRead,
  span: RunSpan,
  findings: Findings,
): Promise<HouseholdReport[]> {
  if (households.size === 0) return [];
  const { topic } = stages;
  if (topic === undefined)
    throw unreadable(
      'the readings are those of models, and the topic that holds them is not here',
      'name the folder of the run with --state, or its broker: --set broker.kind=kafka (and --set broker.kafka_brokers=HOST:PORT)',
    );
  const reports: HouseholdReport[] = [];
  const seen = new Set<string>();
  for await (const sources of modelSources(topic, households)) {
    for (const its of sources.values()) reports.push(auditDevice(its, topic, stages, span, findings));
    for (const { rows, src } of [...sources.values()].flat()) seen.add(sourceKey(rows.household, rows.device, src));
  }
  for (const [stage, its] of [
    ['cloud', stages.cloud.sources],
    ['edge', stages.edge?.sources ?? []],
  ] as const) {
    for (const { household, device, src } of its) {
      if (!households.has(household) || seen.has(sourceKey(household, device, src))) continue;
      if (topic.isTrimmed(household))
        findings.notices.push(`${household}: the topic has left source ${src} of ${device}; it is not compared`);
      else findings.refuse(household, stage, undefined, `source ${src} of ${device} is here, and the topic has no reading of it`);
    }
  }
  return reports;
}

function auditDevice(
  sources: readonly ModelSource[],
  topic: TopicStage,
  stages: StagesRead,
  span: RunSpan,
  findings: Findings,
): HouseholdReport {
  const { rows } = sources[0] as ModelSource;
  const ends = new Map(topic.ended?.last.map((its) => [sourceKey(its.household, its.device, its.src), its.seq]));
  if (sources.every(({ isWhole }) => isWhole)) {
    const truths = sources.map((source) => {
      const key = sourceKey(rows.household, rows.device, source.src);
      const lastSeq = ends.get(key) ?? span.lastSeqs?.get(key);
      return { device: rows.device, src: source.src, truth: truthOfModel(source.rows, source.src, lastSeq) };
    });
    return new HouseholdAudit(rows, stages, span, findings).run(truths);
  }
  const devices = sources.map((source) => totalsOf(source, topic, stages, findings));
  return { devices, windows: 0, buckets: 0, energy: undefined };
}

/** What can be said of a source that the topic has only some readings of. */
function totalsOf({ src, rows, seqs }: ModelSource, topic: TopicStage, stages: StagesRead, findings: Findings): DeviceReport {
  const { household, device } = rows;
  const isIts = (other: { household: string; device: string; src: string }) =>
    other.household === household && other.device === device && other.src === src;
  const [edgeSource, cloudSource] = [stages.edge?.sources.find(isIts), stages.cloud.sources.find(isIts)];
  const edge = edgeSource && { seqs: edgeSource.kept, readings: edgeSource.readings, digest: edgeSource.digest };
  const cloud = cloudSource && { seqs: cloudSource.covered, readings: cloudSource.readings, digest: cloudSource.digest };
  const why = topic.isTrimmed(household) ? 'the topic is trimmed' : 'the topic has not all readings with the same fields';
  const isComparable = edge !== undefined && cloud !== undefined && String(edge.seqs.ranges()) === String(cloud.seqs.ranges());
  const said = isComparable ? 'totals and digest of edge and cloud are compared with each other' : 'edge and cloud are not compared';
  findings.notices.push(`${household}: ${why}, so its windows can not be added up again; ${said}`);
  if (!topic.isTrimmed(household)) {
    for (const [from, to] of seqs.missing(1, seqs.max))
      findings.refuse(household, 'topic', undefined, `${to - from + 1} readings are not in the topic: seqs ${from} to ${to}`);
  }
  if (isComparable && !(edge.readings === cloud.readings && sameDigest(edge.digest, cloud.digest)))
    findings.refuse(household, 'cloud', undefined, `the digest of its ${cloud.readings} readings is not that of the same ones at the edge`);
  const its = topic.sources.get(sourceKey(household, device, src));
  const told = its === undefined ? null : totalsText({ seqs: its.seqs, readings: its.seqs.size, digest: its.digest });
  return {
    ...{ household, device, src, truth: 'topic', latest: 'not asked', declared: 0, waiting: 0 },
    source: told ?? { readings: 0, firstSeq: null, lastSeq: null, digest: digestToHex({ high: 0, low: 0 }) },
    ...{ topic: told, edge: edge === undefined ? null : totalsText(edge), cloud: cloud === undefined ? null : totalsText(cloud) },
  };
}

function totalsText({ seqs, readings, digest }: Totals): StageTotals {
  return { readings, ...endsOf(seqs), digest: digestToHex(digest) };
}
