/**
 * One household, stage by stage. The rule is the same at each: a stage has exactly the readings of the source that it says it has
 * (count and digest over just these seqs), and what it has taken from the stage before is with the next one, or still held, or declared.
 * So nothing depends on when it is looked at: the stages are read from the last to the first, each as one snapshot.
 */
import { FOGLINE } from '../common/installation.ts';
import { isoTime } from '../common/iso-time.ts';
import { addDigest, type Digest, digestToHex } from '../common/protocol/digest.ts';
import { missingFromAll, SeqIntervals } from '../common/protocol/seq-intervals.ts';
import type { CloudFile, CloudSource } from './cloud-file.ts';
import type { EdgeFile, EdgePart, EdgeSource } from './edge-file.ts';
import { checkEnergy, type EnergyCheck } from './energy-register.ts';
import type { Findings, StageName } from './findings.ts';
import { FIELDS, type SourceFile } from './source-rows.ts';
import type { Shown } from './latest-stage.ts';
import type { TopicSource, TopicStage } from './topic-stage.ts';
import { addWindows, partStats, type RunSpan, type Stats, sameDigest, timeOf, timesOf, type TruthSource, windowOf } from './truth.ts';
import { WindowAudit, type WindowsAudited } from './window-audit.ts';
import { differenceOf, type FieldStats, timeDifferenceOf } from './window-stats.ts';

export interface StageTotals {
  readings: number;
  firstSeq: number | null;
  lastSeq: number | null;
  digest: string;
}

/** One source of a device, as each stage has it; null where the stage has nothing, or is not here. */
export interface DeviceReport {
  household: string;
  device: string;
  src: string;
  /** What the stages are compared with: the rows of a file; for a model only the topic itself; where a cloud is alone only its parts. */
  truth: 'file' | 'topic' | 'cloud';
  source: StageTotals;
  topic: StageTotals | null;
  edge: StageTotals | null;
  cloud: StageTotals | null;
  latest: 'agrees' | 'differs' | 'not asked';
  declared: number;
  /** Readings of the run that are not at the cloud yet. */
  waiting: number;
}

export interface HouseholdReport {
  devices: DeviceReport[];
  windows: number;
  buckets: number;
  energy: (EnergyCheck & { household: string; cloudKwh: number }) | undefined;
}

export interface StagesRead {
  topic: TopicStage | undefined;
  edge: { file: EdgeFile; sources: readonly EdgeSource[]; parked: ReadonlyMap<string, string> } | undefined;
  cloud: { file: CloudFile; sources: readonly CloudSource[] };
  /** Newest power mean shown, by household; undefined when no cloud server was asked. */
  latest: ReadonlyMap<string, Shown> | undefined;
}

const NOT_IN_RUN = 'not in run';
/** Relative; some additions of float64. */
const SHOWN_ROUNDING = 1e-14;

export class HouseholdAudit {
  private readonly stages: StagesRead;
  private readonly span: RunSpan;
  private readonly findings: Findings;
  private readonly file: SourceFile;
  private readonly windowMs: number;
  private readonly household: string;

  constructor(file: SourceFile, stages: StagesRead, span: RunSpan, findings: Findings) {
    this.file = file;
    this.stages = stages;
    this.span = span;
    this.findings = findings;
    this.windowMs = stages.cloud.file.windowMs;
    this.household = file.household;
  }

  /** @param srcs every source of the household that any stage, or the file, knows */
  run(srcs: readonly { device: string; src: string; truth: TruthSource | undefined }[]): HouseholdReport {
    const parked = this.stages.edge?.parked.get(this.household);
    if (parked !== undefined)
      this.refuse('edge', undefined, `parked: ${parked}`, `mend the reason, then: ${FOGLINE} parked resume ${this.household}`);
    const devices: DeviceReport[] = [];
    const sound: { truth: TruthSource; cloud: CloudSource | undefined }[] = [];
    for (const { device, src, truth } of srcs) {
      if (truth === undefined) {
        this.refuse(
          'source',
          undefined,
          `source ${src} of ${device} is known to the stages, and is no source of the file ${this.file.path}`,
        );
        continue;
      }
      const cloud = this.stages.cloud.sources.find(isOf(truth));
      devices.push(this.source(truth, cloud));
      sound.push({ truth, cloud });
    }
    const windows = this.windows(sound);
    const latest = this.latest(
      windows,
      devices.every(({ waiting }) => waiting === 0),
      sound.map(({ truth }) => truth),
    );
    for (const device of devices) device.latest = latest;
    return {
      devices,
      windows: windows?.windows ?? 0,
      buckets: windows?.buckets ?? 0,
      energy: windows === undefined ? undefined : this.energy(sound, windows),
    };
  }

  private source(truth: TruthSource, cloud: CloudSource | undefined): DeviceReport {
    const edge = this.stages.edge?.sources.find(isOf(truth));
    const topic = this.stages.topic?.sources.get(`${truth.household}/${truth.device}/${truth.src}`);
    const gaps = this.gapsOf(truth, cloud);
    const covered = cloud?.covered ?? new SeqIntervals();
    const run = truth.from > truth.to ? [] : ([[truth.from, truth.to]] as [number, number][]);
    const source = { readings: SeqIntervals.of(run).size, ...endsOf(SeqIntervals.of(run)), digest: digestToHex(truth.digests.of(run)) };
    const stages = {
      // What the edge has taken in it answers for itself: a topic that was set aside need not have it any more.
      topic: this.topic(truth, topic, [covered, gaps.all, edge?.seen ?? new SeqIntervals()]),
      edge: this.edge(truth, edge, topic, covered, gaps.all),
      cloud: this.cloud(truth, cloud),
    };
    const waiting = SeqIntervals.of(run.flatMap(([from, to]) => missingFromAll(from, to, [covered, gaps.all])));
    this.checkWaiting(truth, waiting, edge);
    const { household, device, src } = truth;
    const kind = truth.rows.kind === 'file' ? 'file' : 'topic';
    return { household, device, src, truth: kind, source, ...stages, latest: 'not asked', declared: gaps.declared, waiting: waiting.size };
  }

  /** Declared at the cloud, or on the way there: with a reason, stored before. */
  private gapsOf(truth: TruthSource, cloud: CloudSource | undefined): { all: SeqIntervals; declared: number } {
    const all = new SeqIntervals();
    let declared = 0;
    for (const { fromSeq, toSeq, reason } of cloud === undefined ? [] : this.stages.cloud.file.gaps(cloud.id)) {
      all.add(fromSeq, toSeq);
      const outside = SeqIntervals.of([[fromSeq, toSeq]]);
      if (truth.from <= truth.to) outside.remove(truth.from, truth.to);
      const inRun = toSeq - fromSeq + 1 - outside.size;
      if (reason === NOT_IN_RUN && inRun > 0)
        this.refuseSeq(
          'cloud',
          truth,
          Math.max(fromSeq, truth.from),
          `${inRun} readings are declared "${NOT_IN_RUN}", and the run holds them`,
        );
      this.findings.declare(truth.household, 'cloud', reason, toSeq - fromSeq + 1);
      declared += inRun;
    }
    return { all, declared };
  }

  private topic(truth: TruthSource, topic: TopicSource | undefined, later: readonly SeqIntervals[]): StageTotals | null {
    const { topic: stage } = this.stages;
    if (stage === undefined) return null;
    const seqs = topic?.seqs ?? new SeqIntervals();
    if (topic !== undefined) this.compare('topic', truth, seqs, seqs.size, topic.digest);
    const isTrimmed = stage.isTrimmed(truth.household);
    const first = seqs.ranges()[0]?.[0];
    if (isTrimmed)
      this.findings.notices.push(`${truth.household}: the topic is trimmed; it is compared from its start, seq ${first ?? 'none'}`);
    const last = this.span.ended ? truth.to : Math.min(seqs.max, truth.to);
    const begin = isTrimmed ? Math.max(truth.from, first ?? last + 1) : truth.from;
    for (const [from, to] of missingFromAll(begin, last, [seqs, ...later])) {
      const what = `${to - from + 1} readings of ${truth.rows.told.whole} are not in the topic: seqs ${from} to ${to}`;
      const remedy = 'start the run again: rows that were added to the file come in; if that does not help, begin anew with --fresh';
      this.refuse('topic', windowOf(truth, from, this.windowMs), what, remedy);
    }
    if (first !== undefined && first < truth.from)
      this.refuseSeq('topic', truth, first, `seq ${first} is there, and the run begins at ${truth.from}`);
    return topic === undefined ? null : { readings: seqs.size, ...endsOf(seqs), digest: digestToHex(topic.digest) };
  }

  private edge(
    truth: TruthSource,
    edge: EdgeSource | undefined,
    topic: TopicSource | undefined,
    covered: SeqIntervals,
    gaps: SeqIntervals,
  ): StageTotals | null {
    if (edge === undefined || this.stages.edge === undefined) {
      this.handedOver('topic', truth, topic?.taken, [covered, gaps], 'the edge has passed over');
      return null;
    }
    this.compare('edge', truth, edge.kept, edge.readings, edge.digest);
    const held = new SeqIntervals();
    for (const row of this.stages.edge.file.rows(edge.id)) {
      if (row.reason === null && row.part === undefined)
        this.refuseSeq('edge', truth, row.fromSeq, `row ${row.id} of the outbox has lost its body: seqs ${row.fromSeq} to ${row.toSeq}`);
      else held.add(row.fromSeq, row.toSeq);
      if (row.state === 'acked')
        this.handedOver('edge', truth, rangeOf(row), [covered, gaps], `row ${row.id} of the outbox is marked as acknowledged for`);
      if (row.part !== undefined) this.checkPart(truth, row.part, `row ${row.id} of the outbox (${row.state})`);
    }
    const open = this.stages.edge.file.openPart(truth.household, truth.device, truth.src);
    if (open !== undefined) {
      this.checkPart(truth, open, 'the open part');
      held.add(open.fromSeq, open.toSeq);
    }
    const known = [edge.seen, edge.covered, edge.declared, edge.gapped, covered, gaps];
    this.handedOver('edge', truth, topic?.taken, known, 'the edge has passed over');
    this.handedOver('edge', truth, edge.seen, [held, covered, gaps], 'the outbox has lost');
    this.handedOver('cloud', truth, edge.covered, [covered], 'the cloud had acknowledged');
    const total = { ...edge.digest };
    const seqs = edge.kept.clone();
    if (open !== undefined && !seqs.has(open.fromSeq)) {
      seqs.add(open.fromSeq, open.toSeq);
      addDigest(total, open.digest.high, open.digest.low);
    }
    return { readings: seqs.size, ...endsOf(seqs), digest: digestToHex(total) };
  }

  /** What the stage had taken is somewhere behind it. */
  private handedOver(stage: StageName, truth: TruthSource, taken: SeqIntervals | undefined, behind: SeqIntervals[], what: string): void {
    for (const [takenFrom, takenTo] of taken?.ranges() ?? []) {
      for (const [from, to] of missingFromAll(takenFrom, takenTo, behind))
        this.refuseSeq(stage, truth, from, `${what} ${to - from + 1} readings, which the cloud has not: seqs ${from} to ${to}`);
    }
  }

  private checkPart(truth: TruthSource, part: EdgePart, name: string): void {
    const { fromSeq, toSeq } = part;
    if (toSeq > truth.rows.count)
      return this.refuseSeq('edge', truth, fromSeq, `${name}: seq ${toSeq}, ${truth.rows.told.whole} ends with ${truth.rows.count}`);
    if (!sameDigest(part.digest, truth.digests.of([[fromSeq, toSeq]])))
      return this.refuseSeq(
        'edge',
        truth,
        fromSeq,
        `${name}: the digest of seqs ${fromSeq} to ${toSeq} is not that of ${truth.rows.told.rows}`,
      );
    const stats = partStats(truth, fromSeq, toSeq);
    for (const [i, field] of truth.rows.fields.entries()) {
      const want = stats[i] as FieldStats;
      const numbers = part.fields.get(field);
      const { firstMs, lastMs } = part;
      const difference = numbers === undefined ? 'is missing' : differenceOf({ ...want, ...numbers, firstMs, lastMs }, want);
      if (difference !== undefined) return this.refuseSeq('edge', truth, fromSeq, `${name}, ${field}: ${difference}`);
    }
    const difference = timeDifferenceOf(part, stats[0] as FieldStats);
    if (difference !== undefined) return this.refuseSeq('edge', truth, fromSeq, `${name}: ${difference}`);
    const windowStartMs = windowOf(truth, fromSeq, this.windowMs) as number;
    if (part.windowStartMs !== windowStartMs)
      this.refuseSeq('edge', truth, fromSeq, `${name}: window ${isoTime(part.windowStartMs)} instead of ${isoTime(windowStartMs)}`);
  }

  private cloud(truth: TruthSource, cloud: CloudSource | undefined): StageTotals | null {
    if (cloud === undefined) return null;
    this.compare('cloud', truth, cloud.covered, cloud.readings, cloud.digest);
    const times = timesOf(truth, cloud.covered.ranges()) ?? { firstMs: null, lastMs: null };
    const difference = timeDifferenceOf({ firstMs: cloud.firstMs, lastMs: cloud.greatestMs }, times);
    if (difference !== undefined) this.refuse('cloud', undefined, `totals of source ${truth.src}: ${difference}`);
    const early = cloud.covered.ranges()[0]?.[0] ?? truth.from;
    if (early < truth.from) this.refuseSeq('cloud', truth, early, `seq ${early} is stored, and the run begins at ${truth.from}`);
    return { readings: cloud.readings, ...endsOf(cloud.covered), digest: digestToHex(cloud.digest) };
  }

  /** A stage's running totals against the file's rows of just the seqs that it says it has. */
  private compare(stage: StageName, truth: TruthSource, seqs: SeqIntervals, readings: number, digest: Digest): void {
    if (seqs.max > truth.rows.count)
      this.refuseSeq(
        stage,
        truth,
        truth.rows.count,
        `it has seqs up to ${seqs.max}, ${truth.rows.told.whole} ends with ${truth.rows.count}`,
      );
    if (readings !== seqs.size) this.refuse(stage, undefined, `its totals say ${readings} readings, its seqs are ${seqs.size}`);
    const want = truth.digests.of(seqs.ranges());
    if (!sameDigest(want, digest))
      this.refuse(
        stage,
        undefined,
        `the digest of its ${readings} readings is ${digestToHex(digest)}, ${truth.rows.told.rows} make ${digestToHex(want)}`,
      );
  }

  /** Readings of the run that are not at the cloud: fine as long as a stage before still has them. */
  private checkWaiting(truth: TruthSource, waiting: SeqIntervals, edge: EdgeSource | undefined): void {
    if (waiting.isEmpty) return;
    const [first] = waiting.ranges();
    if (this.span.ended && this.stages.topic === undefined && edge === undefined)
      this.refuseSeq(
        'cloud',
        truth,
        first?.[0] ?? 1,
        `${waiting.size} readings of the run are not stored, and nothing here still holds them`,
      );
  }

  private windows(sources: readonly { truth: TruthSource; cloud: CloudSource | undefined }[]): WindowsAudited | undefined {
    const stored = sources.flatMap(({ truth, cloud }) => (cloud === undefined ? [] : [{ truth, cloud }]));
    const deviceId = stored[0]?.cloud.deviceId;
    if (deviceId === undefined) return undefined;
    const truth = new Map<number, Stats>();
    const byId = new Map<number, { truth: TruthSource; rank: number }>();
    stored
      .sort((a, b) => a.cloud.id - b.cloud.id)
      .forEach((source, rank) => {
        addWindows(truth, source.truth, source.cloud.covered.ranges(), rank, this.windowMs);
        byId.set(source.cloud.id, { truth: source.truth, rank });
      });
    const fields = stored[0]?.truth.rows.fields ?? [];
    const device = { household: this.household, deviceId, fields, sources: byId, truth };
    return new WindowAudit(this.stages.cloud.file, this.findings, device).run();
  }

  /**
   * The page shows the newest window: of a finished run just that, while it runs one of the newest, as far as it had come. While a backlog
   * drains a window is shown before it is stored: then it must be the one in the file.
   */
  private latest(windows: WindowsAudited | undefined, isFinished: boolean, sources: readonly TruthSource[]): DeviceReport['latest'] {
    const { latest } = this.stages;
    if (latest === undefined) return 'not asked';
    const { powerW: shownW, atMs } = latest.get(this.household) ?? { powerW: null, atMs: null };
    const newest = windows?.newest;
    const shownMs = atMs === null ? undefined : atMs - this.windowMs;
    const isAhead = shownMs !== undefined && !isFinished && shownMs > (newest?.startMs ?? Number.NEGATIVE_INFINITY);
    if (isAhead) {
      const isInFile = shownW !== null && fileMeansW(sources, shownMs, this.windowMs).some((meanW) => isSame(meanW, shownW));
      if (!isInFile) this.refuse('latest', shownMs, `${String(shownW)} W is shown ahead of the store, the file has no such window`);
      return isInFile ? 'agrees' : 'differs';
    }
    if (newest === undefined) return shownW === null ? 'agrees' : 'differs';
    const candidates = isFinished && this.span.ended ? [newest.meanW] : [...(windows?.recentMeansW.values() ?? [])].flat();
    const fits = shownW !== null && candidates.some((meanW) => isSame(meanW, shownW));
    if (!fits) this.refuse('latest', newest.startMs, `${String(shownW)} W is shown, the newest window has ${newest.meanW} W`);
    return fits ? 'agrees' : 'differs';
  }

  private energy(
    sources: readonly { truth: TruthSource; cloud: CloudSource | undefined }[],
    windows: WindowsAudited,
  ): HouseholdReport['energy'] {
    const rows = sources.flatMap(({ truth, cloud }) =>
      (cloud?.covered.ranges() ?? []).flatMap(([from, to]) =>
        Array.from({ length: Math.max(0, Math.min(to, truth.rows.count) - from + 1) }, (_, i) => energyRow(truth, from + i)),
      ),
    );
    // A looped file begins again: each pass has its register. A model has none, and neither has a file of power alone.
    if (
      this.span.passMs !== undefined ||
      sources.some(({ truth: { rows: its } }) => its.kind === 'model' || !its.fields.includes('energy'))
    )
      return undefined;
    rows.sort((a, b) => a.timeMs - b.timeMs);
    const check = checkEnergy(rows, this.windowMs);
    if (!check.agrees) {
      const { registerKwh, integralKwh, toleranceKwh } = check;
      const what = `the energy register counts ${registerKwh} kWh, the integral of power is ${integralKwh} kWh ± ${toleranceKwh}`;
      const turned = check.turnedBack > 0 ? `, and the register turned back ${check.turnedBack} times` : '';
      const remedy = "the file's own columns disagree: compare units and signs with data/README.md, and ask who exchanged the meter";
      this.refuse('source', undefined, what + turned, remedy);
    }
    return { ...check, household: this.household, cloudKwh: windows.energyWs / 3_600_000 };
  }

  private refuseSeq(stage: StageName, truth: TruthSource, seq: number, what: string): void {
    this.refuse(stage, windowOf(truth, Math.max(1, seq), this.windowMs), what);
  }

  private refuse(stage: StageName, windowStartMs: number | undefined, what: string, remedy?: string): void {
    this.findings.refuse(this.household, stage, windowStartMs, what, remedy);
  }
}

function isOf(truth: TruthSource): (other: { household: string; device: string; src: string }) => boolean {
  return ({ household, device, src }) => household === truth.household && device === truth.device && src === truth.src;
}

export function endsOf(seqs: SeqIntervals): { firstSeq: number | null; lastSeq: number | null } {
  const ranges = seqs.ranges();
  return { firstSeq: ranges[0]?.[0] ?? null, lastSeq: ranges.at(-1)?.[1] ?? null };
}

function rangeOf({ fromSeq, toSeq }: { fromSeq: number; toSeq: number }): SeqIntervals {
  return SeqIntervals.of([[fromSeq, toSeq]]);
}

function energyRow(truth: TruthSource, seq: number) {
  const { rows } = truth;
  const [energy, power] = [rows.values[FIELDS.indexOf('energy')], rows.values[FIELDS.indexOf('power')]];
  return { timeMs: timeOf(truth, seq), powerW: power?.[seq - 1] as number, registerKwh: energy?.[seq - 1] as number };
}

/** A window of several parts may have been added up in another order. */
function isSame(meanW: number, shownW: number): boolean {
  return Math.abs(meanW - shownW) <= SHOWN_ROUNDING * Math.abs(meanW);
}

/** Means of `power` in the window as far as the rows of the run had come, one after each: of the whole window the last. */
function fileMeansW(sources: readonly TruthSource[], startMs: number, windowMs: number): number[] {
  const meansW: number[] = [];
  let sumW = 0;
  for (const truth of sources) {
    const powersW = truth.rows.values[truth.rows.fields.indexOf('power')];
    for (let seq = truth.from; seq <= Math.min(truth.to, truth.rows.count); seq++) {
      const timeMs = timeOf(truth, seq);
      if (timeMs < startMs || timeMs >= startMs + windowMs) continue;
      sumW += powersW?.[seq - 1] as number;
      meansW.push(sumW / (meansW.length + 1));
    }
  }
  return meansW;
}
