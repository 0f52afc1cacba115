/**
 * What must be true when a storm is over and everything has drained. Shares no code with edge, cloud or protocol: the
 * truth is computed from the readings as they were made.
 */
import type { Bucket, HouseholdRow } from '../../cloud/server/storage/series-store.ts';
import type { EdgeStatus, SeqRange } from '../../common/messages.ts';
import type { HeldSource } from './cloud-file.ts';
import { SEQ_MAX, SeqStates } from './seq-states.ts';
import { Truth } from './truth.ts';
import type { Readings } from './virtual-fleet.ts';

/** Of one site. */
export interface SiteEvidence {
  windowMs: number;
  /** All readings in the topic. */
  readings: Readings;
  /** Declared as skipped by the run. */
  notInRun: readonly SeqRange[];
  /** Unreadable in the topic. */
  damaged: readonly SeqRange[];
  /** Last seq of each source. */
  last: readonly { household: string; device: string; src: string; seq: number }[];
  /** What the cloud holds, by household/device/src. */
  sources: ReadonlyMap<string, HeldSource>;
  households: readonly HouseholdRow[];
  edge: EdgeStatus;
  /** The topic began anew in between: what it says was skipped may have been declared as missing before it said so again. */
  isLogReplaced: boolean;
}

/** With what the cloud answers, by length of the bucket. */
export interface Evidence extends SiteEvidence {
  buckets: readonly { lengthMs: number; buckets: readonly Bucket[] }[];
}

/** States of a seq. */
const [STORED, MISSING, NOT_IN_RUN] = [1, 2, 3] as const;
const IS = ['unknown', 'stored', 'missing', 'not in run'];
const SHOULD_BE = ['nothing', ...IS.slice(1)];

export function truthOf({ readings }: Pick<SiteEvidence, 'readings'>, windowMs: number): Truth {
  return new Truth(readings, windowMs, STORED);
}

/** What is wrong, in sentences; empty when all is well. */
export function check(evidence: Evidence): string[] {
  const truth = truthOf(evidence, evidence.windowMs);
  const wrong = evidence.buckets.flatMap(({ lengthMs, buckets }) => {
    const its = truth.bucketCheck(lengthMs);
    for (const bucket of buckets) its.look(bucket);
    return its.findings();
  });
  return [...checkAllBut(evidence, truth), ...wrong];
}

/** As check, without the buckets: those are looked at one by one, by `truth.bucketCheck`. */
export function checkAllBut(evidence: SiteEvidence, truth: Truth): string[] {
  if (evidence.readings.length === 0) return ['there was nothing to check'];
  return [...checkSeqs(evidence, truth), ...checkHouseholds(evidence, truth), ...checkEdge(evidence.edge)];
}

/** Every seq of every source is stored, or declared for the right reason, and not both. */
function checkSeqs({ notInRun, damaged, last, sources, isLogReplaced }: SiteEvidence, truth: Truth): string[] {
  const findings: string[] = [];
  const wanted = truth.seqs;
  const want = ({ household, device, src, fromSeq, toSeq }: SeqRange, what: number) => {
    const seqs = truth.seqsOf(`${household}/${device}/${src}`);
    // What can be read is wanted, whatever else was said of it.
    for (let seq = fromSeq; seq <= toSeq; seq++) if (seqs.get(seq) !== STORED) seqs.set(seq, what);
  };
  for (const range of damaged) want(range, MISSING);
  for (const range of notInRun) want(range, NOT_IN_RUN);
  for (const { household, device, src, seq } of last) {
    const known = wanted.get(`${household}/${device}/${src}`)?.count() ?? 0;
    if (known !== seq) findings.push(`the storm itself lost count of ${household}/${device}/${src}: ${known} seqs, last ${seq}`);
  }
  for (const key of sources.keys()) if (!wanted.has(key)) findings.push(`${key}: nobody made such a source`);
  for (const [key, seqs] of wanted) findings.push(...checkSource(key, seqs, sources.get(key), isLogReplaced));
  return findings;
}

function checkSource(key: string, wanted: SeqStates, held: HeldSource | undefined, isLogReplaced: boolean): string[] {
  const findings: string[] = [];
  const what = new SeqStates();
  for (const [from, to] of held?.covered ?? []) {
    if (to > SEQ_MAX) return [`${key}: seqs ${from}..${to} are stored, nobody made them`];
    for (let seq = from; seq <= to; seq++) what.set(seq, STORED);
  }
  for (const { from, to, reason } of held?.declared ?? []) {
    if (to > SEQ_MAX) return [`${key}: seqs ${from}..${to} are declared, nobody made them`];
    for (let seq = from; seq <= to; seq++) {
      if (what.get(seq) !== 0) findings.push(`${key}: seq ${seq} is ${IS[what.get(seq)]} and declared`);
      what.set(seq, reason === 'not in run' ? NOT_IN_RUN : MISSING);
    }
  }
  const wrong = new Map<string, number[]>();
  for (let seq = 1; seq <= Math.max(wanted.last, what.last); seq++) {
    const [is, shouldBe] = [what.get(seq), wanted.get(seq)];
    if (is === shouldBe || (isLogReplaced && is === MISSING && shouldBe === NOT_IN_RUN)) continue;
    const kind = `${IS[is]} and should be ${SHOULD_BE[shouldBe]}`;
    wrong.set(kind, [...(wrong.get(kind) ?? []), seq]);
  }
  for (const [kind, seqs] of wrong) findings.push(`${key}: ${seqs.length} seqs are ${kind}: ${seqs.slice(0, 10).join(' ')}`);
  const stored = wanted.count(STORED);
  if (held !== undefined && held.readings !== stored) findings.push(`${key}: counted ${held.readings} readings, there are ${stored}`);
  return findings;
}

function checkHouseholds({ households }: SiteEvidence, { counts }: Truth): string[] {
  return households.flatMap(({ household, readings: held }) => {
    const should = counts.get(household) ?? 0;
    return held === should ? [] : [`${household}: the cloud says ${held} readings, there are ${should}`];
  });
}

function checkEdge(edge: EdgeStatus): string[] {
  const findings: string[] = [];
  if (edge.queued + edge.sent > 0) findings.push(`the outbox holds ${edge.queued} queued and ${edge.sent} sent rows`);
  for (const { household, reason } of edge.parked) findings.push(`${household} is parked: ${reason}`);
  if (edge.waitingFor.length > 0) findings.push(`the edge waits for ${edge.waitingFor.join(' ')}`);
  if (edge.runs.length === 0) findings.push('the edge saw no end of the run');
  for (const { run, ended, done } of edge.runs) if (!ended || !done) findings.push(`run ${run}: ended ${ended}, done ${done}`);
  return findings;
}
