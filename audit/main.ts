/**
 * `fogline audit`: proves from the files to the chart that no reading is lost, doubled or changed, or says which one is. The truth are
 * the rows of the files, read by code of the audit's own; it imports nothing of simulator, edge or cloud. Of a model the topic is all
 * there is to compare with.
 */
import { openBroker } from '../common/broker/open-broker.ts';
import { systemClock, yieldToEventLoop } from '../common/clock.ts';
import type { CommandOptions } from '../common/command.ts';
import { type Config, processEnvironment } from '../common/config.ts';
import { EXIT, OperatingError } from '../common/errors.ts';
import { openLogger } from '../common/logger.ts';
import { auditCloudAlone, isCloudAlone } from './cloud-alone.ts';
import { type CloudFile, openCloudFile } from './cloud-file.ts';
import { openEdgeFile } from './edge-file.ts';
import { Findings } from './findings.ts';
import { checkPlaces } from './household-places.ts';
import { HouseholdAudit, type HouseholdReport, type StagesRead } from './household-audit.ts';
import { readLatest } from './latest-stage.ts';
import { auditModels } from './model-audit.ts';
import { refuseGoneOutbox, refuseOtherBroker } from './missing-stages.ts';
import { type AuditReport, reportOf, textOf } from './report.ts';
import { isOfModels, readQuarantine, readRunState, type RunState, syntheticFolder, urlOfRun } from './run-state.ts';
import { METER, readSource, type SourceFile, type SourceRows, sourceFiles, srcOf } from './source-rows.ts';
import { hasEmbeddedTopic, refuseUnfitTopic, TopicStage } from './topic-stage.ts';
import { type RunSpan, truthOf } from './truth.ts';

/** What a page of a cloud server may be behind its store. */
const SHOWN_AGE_MS = 1_500;

export interface AuditOptions extends CommandOptions {
  /** Base URL of the cloud server; undefined asks the run that holds the state, if there is one. */
  url: string | undefined;
}

/** @returns 0 when all agree, 1 when something differs; 4 is for what can't be read */
export async function main(options: AuditOptions): Promise<number> {
  const report = await audit(options);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : textOf(report));
  return report.agrees ? EXIT.ok : EXIT.failed;
}

async function audit(options: AuditOptions): Promise<AuditReport> {
  const { config, stateDir, url } = options;
  if (isCloudAlone(stateDir)) return auditCloud(options);
  const findings = new Findings();
  const state = readRunState(stateDir);
  const files = isOfModels(state) ? [] : sourceFiles(dataFolder(config, stateDir));
  const closers: (() => void | Promise<void>)[] = [];
  try {
    // From the last stage but one backwards would miss what moves on meanwhile; so: edge, page, cloud, topic.
    const edgeFile = openEdgeFile(stateDir);
    if (edgeFile !== undefined) closers.push(() => edgeFile.close());
    const edge = edgeFile === undefined ? undefined : { file: edgeFile, sources: edgeFile.sources(), parked: edgeFile.parked() };
    const latest = await latestOf({ stateDir, url, config }, findings);
    const cloud = openCloudFile(stateDir);
    closers.push(() => cloud.close());
    const positions = edgeFile?.positions() ?? new Map();
    refuseOtherBroker(config, stateDir, positions);
    const topic = await openTopic(config, stateDir);
    if (topic !== undefined) closers.push(() => topic.broker.stop());
    await topic?.read(positions);
    const stages: StagesRead = { topic, edge, cloud: { file: cloud, sources: cloud.sources() }, latest };
    if (edgeFile === undefined) refuseGoneOutbox(stateDir, stages.cloud.sources.length > 0);
    checkPlaces(cloud.households(), edgeFile?.postalCodes(), findings);
    const span = spanOf(state, topic?.ended?.endMs, edgeFile?.lastSeqs());
    if (span.lastSeqs !== undefined) findings.notices.push('the end mark has left the topic: the run ends where the edge remembers it');
    if ((topic?.unreadable ?? 0) > 0)
      findings.notices.push(`${topic?.unreadable} records of the topic are unreadable and set aside by the edge`);
    refuseStrays(cloud, findings);
    const households = await auditHouseholds(files, stages, span, state, stateDir, findings);
    const models = modelHouseholds(stages, files, state);
    households.push(...(await auditModels(models, stages, span, findings)));
    const compared = { topic: topic !== undefined, edge: edge !== undefined, latest: latest !== undefined };
    return reportOf({ households, findings, run: span.ended ? 'ended' : 'not ended', compared });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** A page of it could only be compared with the store that it is made of: `--url` is not asked. */
async function auditCloud({ stateDir }: AuditOptions): Promise<AuditReport> {
  const findings = new Findings();
  const cloud = openCloudFile(stateDir);
  try {
    refuseStrays(cloud, findings);
    const households: HouseholdReport[] = [];
    for (const household of auditCloudAlone(cloud, findings)) {
      households.push(household);
      await yieldToEventLoop();
    }
    return reportOf({ households, findings, run: 'unknown', compared: { topic: false, edge: false, latest: false } });
  } finally {
    cloud.close();
  }
}

function refuseStrays(cloud: CloudFile, findings: Findings): void {
  const { parts, rollups } = cloud.strayRows();
  if (parts + rollups > 0) findings.refuse('(none)', 'cloud', undefined, `${parts} parts and ${rollups} buckets belong to no household`);
}

async function auditHouseholds(
  files: readonly SourceFile[],
  stages: StagesRead,
  span: RunSpan,
  state: RunState,
  stateDir: string,
  findings: Findings,
): Promise<HouseholdReport[]> {
  const quarantine = readQuarantine(stateDir);
  if (quarantine === undefined) findings.notices.push('the table of rows set aside is full: rejected rows are not compared with it');
  const reports: HouseholdReport[] = [];
  for (const file of files) {
    const rows = readSource(file);
    reports.push(auditOne(rows, stages, span, state, findings));
    if (quarantine !== undefined) compareQuarantine(rows, quarantine, span, findings);
    await yieldToEventLoop();
  }
  const known = new Set(files.map(({ household }) => household));
  const models = modelHouseholds(stages, files, state);
  for (const [household, stage] of householdsAt(stages)) {
    if (!known.has(household) && !models.has(household))
      findings.refuse(household, stage, undefined, 'its readings are here, and there is no file of it');
  }
  return reports;
}

function auditOne(rows: SourceRows, stages: StagesRead, span: RunSpan, state: RunState, findings: Findings): HouseholdReport {
  const { household, firstLine } = rows;
  const known = new Map<string, { device: string; src: string }>();
  if (firstLine !== undefined) {
    const src = srcOf(household, firstLine, 0);
    known.set(`${METER}/${src}`, { device: METER, src });
  }
  for (const source of sourcesAt(stages)) {
    if (source.household === household) known.set(`${source.device}/${source.src}`, { device: source.device, src: source.src });
  }
  const setAside = state.parked[household];
  if (setAside !== undefined)
    findings.refuse(household, 'source', undefined, `set aside by the simulator: ${setAside}`, 'mend the file and start again');
  const sources = [...known.values()].map((source) => ({
    ...source,
    truth: source.device === METER ? truthOf(rows, source.src, span) : undefined,
  }));
  return new HouseholdAudit(rows, stages, span, findings).run(sources);
}

/** A row that is not a reading counts as declared only when it was set aside with file and line. */
function compareQuarantine(
  rows: SourceRows,
  quarantine: ReadonlyMap<string, ReadonlySet<number>>,
  span: RunSpan,
  findings: Findings,
): void {
  const written = quarantine.get(`${rows.household}.csv`) ?? new Set();
  const endedAtMs = rows.reachedMs.at(-1) ?? span.startMs;
  let setAside = 0;
  rows.rejected.forEach(({ line, reason }, i) => {
    if (written.has(line)) setAside++;
    // It is of the run when a row of the run follows; at the end of the file, when the run came to its last row.
    else if (span.endMs !== undefined && (rows.reachedMs[rows.rejectedAfter[i] as number] ?? endedAtMs) < span.endMs) {
      findings.refuse(rows.household, 'source', undefined, `line ${line} is no reading (${reason}), and it was not set aside`);
    }
  });
  if (setAside > 0) findings.declare(rows.household, 'source', 'rows set aside (quarantine.jsonl)', setAside);
}

function* sourcesAt({ topic, edge, cloud }: StagesRead): Generator<{ household: string; device: string; src: string }> {
  yield* cloud.sources;
  yield* edge?.sources ?? [];
  yield* topic?.sources.values() ?? [];
}

/** Households that no file is of, and never was: a scenario file can have them. */
function modelHouseholds(stages: StagesRead, files: readonly SourceFile[], state: RunState): Set<string> {
  if (state.scenario === undefined) return new Set();
  const known = new Set([...files.map(({ household }) => household), ...Object.keys(state.sources)]);
  return new Set([...householdsAt(stages).keys()].filter((household) => !known.has(household)));
}

function householdsAt({ topic, edge, cloud }: StagesRead): Map<string, 'topic' | 'edge' | 'cloud'> {
  const households = new Map<string, 'topic' | 'edge' | 'cloud'>();
  for (const { household } of topic?.sources.values() ?? []) households.set(household, 'topic');
  for (const { household } of edge?.sources ?? []) households.set(household, 'edge');
  for (const { household } of cloud.sources) households.set(household, 'cloud');
  return households;
}

function spanOf(state: RunState, endMs: number | undefined, remembered: ReadonlyMap<string, number> | undefined): RunSpan {
  const { t0Ms, startSeconds, loop, passMs } = state;
  const lastSeqs = endMs === undefined ? remembered : undefined;
  const ended = endMs !== undefined || lastSeqs !== undefined;
  return { t0Ms, startMs: t0Ms + startSeconds * 1_000, ended, endMs, lastSeqs, passMs: loop ? passMs : undefined };
}

export function dataFolder(config: Config, stateDir: string): string {
  const dir = config.simulation.data_dir === '' ? syntheticFolder(stateDir) : config.simulation.data_dir;
  if (dir !== undefined) return dir;
  const hint = 'name the folder that was replayed: --data DIR';
  throw new OperatingError('DATA_UNREADABLE', 'there are no synthetic households here', { retryable: false, hint });
}

/** Undefined where this machine has no topic of the state. */
export async function openTopic(config: Config, stateDir: string): Promise<TopicStage | undefined> {
  if (config.broker.kind === 'embedded' && !hasEmbeddedTopic(stateDir)) return undefined;
  if (config.broker.kind === 'embedded') refuseUnfitTopic(stateDir);
  const broker = openBroker(config, stateDir, systemClock, openLogger('audit', processEnvironment().logLevel), true);
  await broker.start();
  return new TopicStage(broker);
}

async function latestOf(
  { stateDir, url, config }: Pick<AuditOptions, 'stateDir' | 'url' | 'config'>,
  findings: Findings,
): Promise<StagesRead['latest']> {
  const address = url ?? urlOfRun(stateDir);
  if (address === undefined) return undefined;
  try {
    // What is shown may be so old; a run that has ended shows its last window after it.
    await systemClock.sleep(SHOWN_AGE_MS);
    return await readLatest(address, config.dashboard.token);
  } catch (error) {
    if (url !== undefined) throw error;
    findings.notices.push(`no cloud server answers at ${address}, where the run listened`);
    return undefined;
  }
}
