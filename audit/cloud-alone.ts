/**
 * A state that has a cloud and nothing else, as the host of a cloud has it: there are no files, no topic and no outbox to compare with.
 * What can be proved there is that the store agrees with itself: every checksum, what is said of each source with its parts, and every
 * bucket and total with the windows.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { addDigest, digestToHex } from '../common/protocol/digest.ts';
import { SeqIntervals } from '../common/protocol/seq-intervals.ts';
import { isoTime } from '../common/iso-time.ts';
import type { CloudFile, CloudPart, CloudSource } from './cloud-file.ts';
import type { Findings } from './findings.ts';
import type { DeviceReport, HouseholdReport } from './household-audit.ts';
import { PUT_BACK } from './damage.ts';
import { sameDigest } from './truth.ts';
import { WindowAudit } from './window-audit.ts';
import { timeDifferenceOf } from './window-stats.ts';

const REMEDY = `${PUT_BACK}, and start: edges send again what they and the topic still hold`;
const OTHER_PARTS = ['simulator', 'edge', 'broker'] as const;

export function isCloudAlone(stateDir: string): boolean {
  return existsSync(join(stateDir, 'cloud', 'series.db')) && !OTHER_PARTS.some((part) => existsSync(join(stateDir, part)));
}

/** What the parts of a source add up to. */
interface Held {
  seqs: SeqIntervals;
  readings: number;
  digest: { high: number; low: number };
  firstMs: number | null;
  lastMs: number | null;
}

export function* auditCloudAlone(cloud: CloudFile, findings: Findings): Generator<HouseholdReport> {
  for (const { household, what } of cloud.damagedRecords())
    findings.refuse(household, 'cloud', undefined, `the checksum of ${what} does not hold`, REMEDY);
  const keptFromMs = cloud.keptFromMs(cloud.windowMs);
  const isWhole = keptFromMs === Number.MIN_SAFE_INTEGER;
  if (!isWhole) findings.notices.push(`windows before ${isoTime(keptFromMs)} were forgotten: what they were part of is not added up again`);
  const byDevice = new Map<number, CloudSource[]>();
  for (const source of cloud.sources()) byDevice.set(source.deviceId, [...(byDevice.get(source.deviceId) ?? []), source]);
  for (const [deviceId, sources] of byDevice) {
    const household = (sources[0] as CloudSource).household;
    const held = heldOf(cloud.parts(deviceId));
    const devices = sources.map((source) => {
      if (isWhole) compareSource(source, held.get(source.id), findings);
      return reportOf(source, cloud, findings);
    });
    const ranked = [...sources].sort((a, b) => a.id - b.id).map(({ id }, rank) => [id, { truth: undefined, rank }] as const);
    const fields = cloud.series(deviceId).map(({ field }) => field);
    const device = { household, deviceId, fields, sources: new Map(ranked), truth: undefined };
    const { windows, buckets } = new WindowAudit(cloud, findings, device).run();
    yield { devices, windows, buckets, energy: undefined };
  }
}

function heldOf(parts: Iterable<CloudPart>): Map<number, Held> {
  const all = new Map<number, Held>();
  for (const { sourceId, fromSeq, toSeq, firstMs, lastMs, digest } of parts) {
    let held = all.get(sourceId);
    if (held === undefined) {
      held = { seqs: new SeqIntervals(), readings: 0, digest: { high: 0, low: 0 }, firstMs: null, lastMs: null };
      all.set(sourceId, held);
    }
    held.seqs.add(fromSeq, toSeq);
    held.readings += toSeq - fromSeq + 1;
    addDigest(held.digest, digest.high, digest.low);
    held.firstMs = Math.min(held.firstMs ?? firstMs, firstMs);
    held.lastMs = Math.max(held.lastMs ?? lastMs, lastMs);
  }
  return all;
}

function compareSource({ household, device, src, ...said }: CloudSource, held: Held | undefined, findings: Findings): void {
  const refuse = (what: string) => findings.refuse(household, 'cloud', undefined, `source ${src} of ${device}: ${what}`, REMEDY);
  const seqs = held?.seqs ?? new SeqIntervals();
  const readings = held?.readings ?? 0;
  if (readings !== seqs.size) refuse(`${readings - seqs.size} readings lie in two parts`);
  if (JSON.stringify(said.covered.ranges()) !== JSON.stringify(seqs.ranges()))
    refuse(`it is said to have ${rangesText(said.covered)}, its parts have ${rangesText(seqs)}`);
  if (said.readings !== readings) refuse(`its totals say ${said.readings} readings, its parts have ${readings}`);
  const digest = held?.digest ?? { high: 0, low: 0 };
  if (!sameDigest(said.digest, digest)) refuse(`its digest is ${digestToHex(said.digest)}, its parts make ${digestToHex(digest)}`);
  const times = { firstMs: held?.firstMs ?? null, lastMs: held?.lastMs ?? null };
  const difference = timeDifferenceOf({ firstMs: said.firstMs, lastMs: said.greatestMs }, times);
  if (difference !== undefined) refuse(difference);
}

function rangesText(seqs: SeqIntervals): string {
  const ranges = seqs.ranges();
  const shown = ranges.slice(0, 3).map(([from, to]) => `${from} to ${to}`);
  return ranges.length === 0 ? 'no seqs' : `seqs ${shown.join(', ')}${ranges.length > shown.length ? ', …' : ''}`;
}

/** Nobody says what there should be: nothing is missing that is not declared. */
function reportOf(
  { id, household, device, src, covered, readings, digest }: CloudSource,
  cloud: CloudFile,
  findings: Findings,
): DeviceReport {
  let declared = 0;
  for (const { fromSeq, toSeq, reason } of cloud.gaps(id)) {
    findings.declare(household, 'cloud', reason, toSeq - fromSeq + 1);
    declared += toSeq - fromSeq + 1;
  }
  const ranges = covered.ranges();
  const ends = { firstSeq: ranges[0]?.[0] ?? null, lastSeq: ranges.at(-1)?.[1] ?? null };
  const totals = { readings, ...ends, digest: digestToHex(digest) };
  const nowhere = { topic: null, edge: null, latest: 'not asked' } as const;
  return { household, device, src, truth: 'cloud', source: totals, ...nowhere, cloud: totals, declared, waiting: 0 };
}
