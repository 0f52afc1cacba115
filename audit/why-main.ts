/**
 * `fogline why HOUSEHOLD TIME`: what each stage holds of the window that the time lies in, as it is, without judging.
 */
import type { CommandOptions } from '../common/command.ts';
import { ConfigError, EXIT, OperatingError } from '../common/errors.ts';
import { isoTime, parseTime, TIME_REMEDY } from '../common/iso-time.ts';
import { likelyWord } from '../common/nearest-word.ts';
import { digestToHex } from '../common/protocol/digest.ts';
import { type CloudFile, openCloudFile, type PartNumbers } from './cloud-file.ts';
import { type EdgeFile, openEdgeFile } from './edge-file.ts';
import { readLatest } from './latest-stage.ts';
import { dataFolder, openTopic } from './main.ts';
import { refuseOtherBroker } from './missing-stages.ts';
import { isOfModels, readQuarantine, readRunState, type RunState, urlOfRun } from './run-state.ts';
import { METER, readSource, type SourceRows, sourceFiles, srcOf } from './source-rows.ts';

/** What a window has more of is counted, not shown. */
const LINES_PER_STAGE_MAX = 100;
/** Fewer digits than any time of use has in milliseconds since 1970: seconds of the recording, as with `export`. */
const SECONDS = /^\d{1,9}(\.\d+)?$/;
/** Names that a refusal lists. */
const NAMES_SHOWN_MAX = 20;

export interface WhyOptions extends CommandOptions {
  household: string;
  /** As written. */
  time: string;
  url: string | undefined;
}

interface Window {
  household: string;
  fromMs: number;
  toMs: number;
}

interface Answer {
  household: string;
  windowStart: string;
  windowEnd: string;
  /** Per stage what it holds, line by line. */
  stages: { stage: string; holds: string[] }[];
}

/** @returns 0, also when no stage holds anything; 4 when there is nothing to look at */
export async function main(options: WhyOptions): Promise<number> {
  const answer = await look(options);
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : textOf(answer));
  return EXIT.ok;
}

async function look(options: WhyOptions): Promise<Answer> {
  const { config, stateDir, household } = options;
  const state = readRunState(stateDir);
  const rows = rowsOf(options, state);
  const timeMs = timeOf(options.time, state.t0Ms);
  const windowMs = config.edge.window_seconds * 1_000;
  const fromMs = Math.floor(timeMs / windowMs) * windowMs;
  const window = { household, fromMs, toMs: fromMs + windowMs };
  refuseOutside(timeMs, window, rows, state, stateDir);
  const edge = openEdgeFile(stateDir);
  try {
    refuseOtherBroker(config, stateDir, edge?.positions() ?? new Map());
    const stages = [
      { stage: 'source', holds: sourceLines(rows, stateDir, window, state.loop ? state.passMs : undefined) },
      { stage: 'topic', holds: await topicLines(options, window) },
      { stage: 'edge', holds: edge === undefined ? ['no outbox here'] : edgeLines(edge, window) },
      { stage: 'cloud', holds: cloudLines(stateDir, window) },
      { stage: 'latest', holds: await latestLines(options) },
    ];
    return { household, windowStart: isoTime(fromMs), windowEnd: isoTime(window.toMs), stages };
  } finally {
    edge?.close();
  }
}

/** @throws ConfigError for another text */
function timeOf(text: string, originMs: number): number {
  const timeMs = SECONDS.test(text) ? originMs + Number(text) * 1_000 : parseTime(text);
  if (timeMs === undefined) throw new ConfigError(`${text} is not a time`, `${TIME_REMEDY}, or seconds of the recording`);
  return timeMs;
}

/** @returns undefined for a model's household. @throws ConfigError naming the household that was meant */
function rowsOf({ config, stateDir, household }: WhyOptions, state: RunState): SourceRows | undefined {
  const files = isOfModels(state) ? [] : sourceFiles(dataFolder(config, stateDir));
  const file = files.find((its) => its.household === household);
  if (file !== undefined) return readSource(file);
  const models = state.scenario === undefined ? [] : storedHouseholds(stateDir);
  if (models.includes(household)) return undefined;
  const known = [...new Set([...files.map((its) => its.household), ...models])];
  const meant = likelyWord(household, known);
  const shown = known.slice(0, NAMES_SHOWN_MAX).join(', ') + (known.length > NAMES_SHOWN_MAX ? ', …' : '');
  const remedy = `there are ${shown}${isOfModels(state) ? '' : '; or name the folder that was replayed: --data DIR'}`;
  const what = state.scenario === undefined ? 'file of household' : 'household';
  throw new ConfigError(`there is no ${what} ${household}`, meant === undefined ? remedy : `did you mean ${meant}? Otherwise ${remedy}`);
}

function storedHouseholds(stateDir: string): string[] {
  return inCloud(
    stateDir,
    (cloud) => cloud.households().map((its) => its.household),
    () => [],
  );
}

/**
 * The run goes from its start to the last row of the file, or to the newest reading stored; a loop has no end. The windows that it
 * begins and ends in are of it.
 * @throws ConfigError naming the span
 */
function refuseOutside(timeMs: number, window: Window, rows: SourceRows | undefined, state: RunState, stateDir: string): void {
  const startMs = state.t0Ms + state.startSeconds * 1_000;
  const lastMs = state.loop ? Infinity : Math.max(startMs, rows?.reachedMs.at(-1) ?? 0, newestStoredMs(stateDir));
  if (window.toMs > startMs && window.fromMs <= lastMs) return;
  const secondsOf = (ms: number) => (ms - state.t0Ms) / 1_000;
  const [span, seconds] = state.loop
    ? [`begins at ${isoTime(startMs)}`, `from second ${secondsOf(startMs)} on`]
    : [`goes from ${isoTime(startMs)} to ${isoTime(lastMs)}`, `second ${secondsOf(startMs)} to ${secondsOf(lastMs)}`];
  throw new ConfigError(`${isoTime(timeMs)} lies outside of the run, which ${span}`, `name a time in it (${seconds} of the recording)`);
}

function newestStoredMs(stateDir: string): number {
  return inCloud(
    stateDir,
    (cloud) => Math.max(0, ...cloud.sources().map(({ greatestMs }) => greatestMs ?? 0)),
    () => 0,
  );
}

function sourceLines(rows: SourceRows | undefined, stateDir: string, window: Window, passMs: number | undefined): string[] {
  if (rows === undefined) return ['a model: nothing but the topic says what it gave'];
  const lines = rowLines(rows, window, 0, 0);
  for (let pass = 1; passMs !== undefined && lines.length === 0 && pass * passMs < window.toMs; pass++) {
    if (window.fromMs - pass * passMs < (rows.timesMs[0] ?? 0) - passMs) break;
    lines.push(...rowLines(rows, window, pass, pass * passMs));
  }
  const setAside = readQuarantine(stateDir)?.get(`${rows.household}.csv`)?.size ?? 0;
  if (setAside > 0) lines.push(`${setAside} rows of the file are set aside (simulator/quarantine.jsonl)`);
  return lines;
}

function rowLines(rows: SourceRows, { fromMs, toMs }: Window, pass: number, shiftMs: number): string[] {
  const src = rows.firstLine === undefined ? '-' : srcOf(rows.household, rows.firstLine, pass);
  const lines: string[] = [];
  for (let i = 0; i < rows.count; i++) {
    const timeMs = (rows.timesMs[i] as number) + shiftMs;
    if (timeMs < fromMs || timeMs >= toMs) continue;
    const values = rows.fields.map((field, at) => `${field} ${String(rows.values[at]?.[i])}`);
    lines.push(`line ${rows.lines[i]}: ${METER} ${src} seq ${i + 1} at ${isoTime(timeMs)}: ${values.join(', ')}`);
  }
  return lines;
}

async function topicLines({ config, stateDir, household }: WhyOptions, { fromMs, toMs }: Window): Promise<string[]> {
  const topic = await openTopic(config, stateDir);
  if (topic === undefined) return ['no topic here'];
  const lines: string[] = [];
  try {
    for await (const { reading, partition, offset } of topic.readingsOf(household)) {
      const { device, src, seq, timeMs, values } = reading;
      if (timeMs < fromMs || timeMs >= toMs) continue;
      const shown = Object.entries(values).map(([field, value]) => `${field} ${value}`);
      lines.push(`partition ${partition}, offset ${offset}: ${device} ${src} seq ${seq} at ${isoTime(timeMs)}: ${shown.join(', ')}`);
    }
  } finally {
    await topic.broker.stop();
  }
  return lines;
}

function edgeLines(edge: EdgeFile, { household, fromMs, toMs }: Window): string[] {
  const lines: string[] = [];
  for (const source of edge.sources()) {
    if (source.household !== household) continue;
    for (const { id, state, part } of edge.rows(source.id)) {
      if (part === undefined || part.windowStartMs < fromMs || part.windowStartMs >= toMs) continue;
      lines.push(`outbox row ${id}, ${state}: ${source.device} ${source.src} ${partText(part)}`);
    }
    const open = edge.openPart(household, source.device, source.src);
    if (open !== undefined && open.windowStartMs >= fromMs && open.windowStartMs < toMs)
      lines.push(`open part: ${source.device} ${source.src} ${partText(open)}`);
  }
  const parked = edge.parked().get(household);
  if (parked !== undefined) lines.push(`parked: ${parked}`);
  return lines;
}

function cloudLines(stateDir: string, { household, fromMs, toMs }: Window): string[] {
  const look = (cloud: CloudFile) => {
    const sources = cloud.sources().filter((source) => source.household === household);
    const lines: string[] = [];
    for (const deviceId of new Set(sources.map((source) => source.deviceId))) {
      for (const part of cloud.parts(deviceId, fromMs, toMs)) {
        const source = sources.find(({ id }) => id === part.sourceId);
        const damage = part.isDamaged ? ', DAMAGED: its checksum does not hold' : '';
        lines.push(`part: ${source?.device ?? '?'} ${source?.src ?? '?'} ${partText(part)}${damage}`);
      }
    }
    for (const source of sources) {
      for (const { fromSeq, toSeq, reason } of cloud.gaps(source.id))
        lines.push(`declared missing: seqs ${fromSeq} to ${toSeq}, ${reason}`);
    }
    return lines;
  };
  return inCloud(stateDir, look, (message) => [message]);
}

/** @param otherwise for a store that is not here, or can't be read */
function inCloud<T>(stateDir: string, look: (cloud: CloudFile) => T, otherwise: (message: string) => T): T {
  let cloud: CloudFile | undefined;
  try {
    cloud = openCloudFile(stateDir);
    return look(cloud);
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'DATA_UNREADABLE') return otherwise(error.message);
    throw error;
  } finally {
    cloud?.close();
  }
}

async function latestLines({ stateDir, url, household, config }: WhyOptions): Promise<string[]> {
  const address = url ?? urlOfRun(stateDir);
  if (address === undefined) return ['no cloud server was asked'];
  try {
    const shown = (await readLatest(address, config.dashboard.token)).get(household);
    if (shown === undefined) return [];
    const until = shown.atMs === null ? '' : `, of the window until ${isoTime(shown.atMs)}`;
    return [`newest power shown: ${String(shown.powerW)} W${until}`];
  } catch (error) {
    if (url !== undefined) throw error;
    return [`no cloud server answers at ${address}`];
  }
}

interface AnyPart {
  fromSeq: number;
  toSeq: number;
  digest: { high: number; low: number };
  fields: ReadonlyMap<string, PartNumbers>;
}

function partText({ fromSeq, toSeq, digest, fields }: AnyPart): string {
  const count = toSeq - fromSeq + 1;
  const shown = [...fields].map(
    ([field, { sum, min, max, first, last }]) => `${field} mean ${sum / count} min ${min} max ${max} first ${first} last ${last}`,
  );
  return `seqs ${fromSeq} to ${toSeq}, digest ${digestToHex(digest)}: ${shown.join('; ')}`;
}

function textOf({ household, windowStart, windowEnd, stages }: Answer): string {
  const lines = [`household ${household}, window ${windowStart} to ${windowEnd}`];
  for (const { stage, holds } of stages) {
    lines.push(`${stage}:`, ...holds.slice(0, LINES_PER_STAGE_MAX).map((line) => `  ${line}`));
    if (holds.length === 0) lines.push('  nothing');
    if (holds.length > LINES_PER_STAGE_MAX) lines.push(`  … and ${holds.length - LINES_PER_STAGE_MAX} more`);
  }
  return `${lines.join('\n')}\n`;
}
