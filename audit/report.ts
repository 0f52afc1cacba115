/** The answer of an audit, for people and for machines. */
import { plural } from '../common/count-text.ts';
import type { EnergyCheck } from './energy-register.ts';
import type { Declared, Findings, Refusal } from './findings.ts';
import type { DeviceReport, HouseholdReport, StageTotals } from './household-audit.ts';

export interface AuditReport {
  agrees: boolean;
  /** `ended`: the end mark of the run is in the topic. `unknown`: nothing but a cloud is here. */
  run: 'ended' | 'not ended' | 'unknown';
  stages: { name: 'topic' | 'edge' | 'cloud' | 'latest'; compared: boolean }[];
  households: number;
  /** Of them, those that are compared with the topic alone. */
  models: number;
  devices: DeviceReport[];
  windows: number;
  buckets: number;
  /** Readings that are not at the cloud yet: the comparison goes up to covered. */
  waiting: number;
  energy: (EnergyCheck & { household: string; cloudKwh: number })[];
  declared: Declared[];
  notices: string[];
  refused: number;
  refusals: Refusal[];
}

const ALONE =
  'nothing but the cloud is here: checksums, sources, buckets and totals are compared with its own parts, with no file, topic or edge';
/** Refusals that people are shown; --json has more. */
const SHOWN_MAX = 20;

export function reportOf(parts: {
  households: readonly HouseholdReport[];
  findings: Findings;
  run: AuditReport['run'];
  compared: Record<'topic' | 'edge' | 'latest', boolean>;
}): AuditReport {
  const { households, findings, run, compared } = parts;
  const sum = (of: (report: HouseholdReport) => number) => households.reduce((total, report) => total + of(report), 0);
  return {
    agrees: findings.refused === 0,
    run,
    stages: [
      { name: 'topic', compared: compared.topic },
      { name: 'edge', compared: compared.edge },
      { name: 'cloud', compared: true },
      { name: 'latest', compared: compared.latest },
    ],
    households: countOf(households.flatMap((report) => report.devices)),
    models: countOf(households.flatMap((report) => report.devices.filter(({ truth }) => truth === 'topic'))),
    devices: households.flatMap(({ devices }) => devices),
    windows: sum(({ windows }) => windows),
    buckets: sum(({ buckets }) => buckets),
    waiting: sum(({ devices }) => devices.reduce((total, { waiting }) => total + waiting, 0)),
    energy: households.flatMap(({ energy }) => (energy === undefined ? [] : [energy])),
    declared: findings.declared,
    notices: findings.notices,
    refused: findings.refused,
    refusals: findings.refusals,
  };
}

function countOf(devices: readonly DeviceReport[]): number {
  return new Set(devices.map(({ household }) => household)).size;
}

export function textOf(report: AuditReport): string {
  const lines = [
    ...report.devices.flatMap(deviceLines),
    ...report.energy.map(energyLine),
    ...report.declared.map(({ household, stage, reason, readings }) => `declared: ${household} ${stage}: ${readings} ${reason}`),
    ...report.notices.map((notice) => `note: ${notice}`),
    ...progressLines(report),
    ...report.refusals.slice(0, SHOWN_MAX).flatMap(refusalLines),
  ];
  if (report.refused > SHOWN_MAX)
    lines.push(`… and ${report.refused - SHOWN_MAX} more differences (--json shows up to 100 of each household and stage)`);
  const { households, windows, buckets, refused } = report;
  const compared = `${plural(households, 'household')}, ${plural(windows, 'window')}, ${plural(buckets, 'bucket')}`;
  lines.push(
    report.agrees
      ? `audit: yes, all ${report.run === 'unknown' ? 'of the cloud agrees with itself' : 'agree'}: ${compared}`
      : `audit: NO, ${plural(refused, 'difference')} in ${compared}`,
  );
  return `${lines.join('\n')}\n`;
}

function deviceLines(device: DeviceReport): string[] {
  const { household, device: name, src, truth, source, topic, edge, cloud, latest, declared } = device;
  const shown = truth === 'file' ? { source, topic, edge, cloud } : truth === 'topic' ? { topic, edge, cloud } : { cloud };
  const stages = Object.entries(shown).map(([stage, totals]) => `  ${stage.padEnd(6)} ${totalsText(totals)}`);
  if (truth === 'topic') stages.unshift('  source a model: nothing but the topic says what it gave');
  return [`${household} ${name} (${src}), declared missing ${declared}, latest ${latest}`, ...stages];
}

function totalsText(totals: StageTotals | null): string {
  if (totals === null) return 'nothing';
  const { readings, firstSeq, lastSeq, digest } = totals;
  return `${readings} readings, seq ${firstSeq ?? '-'} to ${lastSeq ?? '-'}, digest ${digest}`;
}

function energyLine(energy: AuditReport['energy'][number]): string {
  const { household, registerKwh, integralKwh, toleranceKwh, fedInKwh, gaps, registerInGapsKwh, cloudKwh } = energy;
  const kwh = (value: number) => value.toFixed(5);
  const fedIn = fedInKwh > 0 ? `; fed in ${kwh(fedInKwh)}, which the register does not count` : '';
  const inGaps = gaps > 0 ? `; ${kwh(registerInGapsKwh)} counted in ${gaps} gaps, left out` : '';
  return (
    `energy: ${household} register ${kwh(registerKwh)} kWh, integral of power ${kwh(integralKwh)} ± ${kwh(toleranceKwh)}` +
    `${fedIn}${inGaps}; windows of the cloud ${kwh(cloudKwh)} net`
  );
}

function modelText(models: number): string {
  const which = `${plural(models, 'household is a model', 'households are models')}`;
  return `${which}: whether the values are right nobody can say here; edge, cloud and latest are compared with the topic, every window too`;
}

function missingLines(stages: AuditReport['stages']): string[] {
  return stages.filter(({ compared }) => !compared).map(({ name }) => `note: ${name} is not here; it is not compared`);
}

function progressLines({ run, waiting, stages, models }: AuditReport): string[] {
  const lines = models === 0 ? [] : [`note: ${modelText(models)}`];
  if (run === 'unknown') return [...lines, `note: ${ALONE}`];
  lines.push(...missingLines(stages));
  if (run === 'not ended') lines.push('the run has not ended: compared up to what is covered at the cloud');
  if (waiting > 0) lines.push(`${waiting} readings are not at the cloud yet: compared up to covered`);
  return lines;
}

function refusalLines({ household, stage, window, what, remedy }: Refusal): string[] {
  const where = window === null ? '' : `, window ${window}`;
  return [`NO: household ${household}, ${stage}${where}: ${what}`, `    what to do: ${remedy}`];
}
