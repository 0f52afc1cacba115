/** `fogline trace show`: the steps of a recorded run, for people; with --json its lines as they are. */
import { once } from 'node:events';
import type { CommandOptions } from '../../../common/command.ts';
import { ConfigError, EXIT } from '../../../common/errors.ts';
import { valueText } from './replay.ts';
import { isStep, type RecordedStep, stepTimeText, type TraceHeader } from './trace-format.ts';
import { openTrace } from './trace-reader.ts';
import { encodeValue } from './trace-values.ts';

export interface TraceShowOptions extends CommandOptions {
  file: string;
  /** Undefined for all. */
  sid: string | undefined;
  /** Ticks, inclusive. */
  from: number | undefined;
  to: number | undefined;
}

export async function main({ file, sid, from = 0, to = Number.POSITIVE_INFINITY, json, signal }: TraceShowOptions): Promise<number> {
  const trace = await openTrace(file);
  process.stdout.on('error', ignoreGoneReader);
  try {
    const { header } = trace;
    if (sid !== undefined && !header.simulators.some((its) => its.sid === sid)) throw unknownSimulator(file, sid, header);
    await write(json ? `${encodeValue(header)}\n` : headerText(header, sid));
    for await (const line of trace.lines()) {
      if (signal.aborted) return EXIT.interrupted;
      if (sid !== undefined && line.sid !== sid) continue;
      const isWanted = !isStep(line) || (line.time >= from && line.time <= to);
      if (isWanted && !(await write(json ? `${encodeValue(line)}\n` : stepText(line)))) return EXIT.ok;
    }
    const { end, tornText } = trace;
    if (json && end !== undefined) await write(`${encodeValue({ end })}\n`);
    if (tornText !== undefined) process.stderr.write(`${tornText}\n`);
    else if (!json) await write(`end: ${valueText(end)}\n`);
    return EXIT.ok;
  } finally {
    await trace.close();
  }
}

/** A long recording into a slow reader does not fill the memory. @returns false when the reader has gone (`| head`) */
async function write(text: string): Promise<boolean> {
  const { stdout } = process;
  if (text !== '' && !stdout.write(text)) await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]).catch(() => undefined);
  return !stdout.destroyed;
}

/** Whoever reads may go away early: that is no failure. */
function ignoreGoneReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function headerText({ scenario, until, simulators }: TraceHeader, only: string | undefined): string {
  const lines = [`${scenario}${until === undefined ? '' : `, until ${until}`}`];
  for (const { sid, meta, params, calls } of simulators) {
    if (only !== undefined && sid !== only) continue;
    const created = calls.reduce((sum, call) => sum + (call.call === 'create' ? call.num : 0), 0);
    lines.push(`${sid}: ${meta?.type ?? 'not started'}, ${created} entities, parameters ${valueText(params)}`);
  }
  return `${lines.join('\n')}\n`;
}

function stepText(line: Parameters<typeof isStep>[0]): string {
  if (!isStep(line)) return '';
  const { sid, maxAdvance, next, failed, inputs, outputs, asked = [] } = line;
  const then = failed === undefined ? `next ${next === undefined || next === null ? 'none' : next}` : `failed: ${failed}`;
  const lines = [`${stepTimeText(line)} ${sid}: maxAdvance ${maxAdvance}, ${then}`, ...inputTexts(inputs)];
  for (const { request, args, answer, refused } of asked) lines.push(`  ? ${request} ${valueText(args)} = ${refused ?? valueText(answer)}`);
  const at = outputs?.time === undefined ? '' : ` (for ${outputs.time})`;
  for (const [eid, values] of Object.entries(outputs?.data ?? {}))
    for (const [attr, value] of Object.entries(values)) lines.push(`  > ${eid}.${attr}${at} = ${valueText(value)}`);
  return `${lines.join('\n')}\n`;
}

function inputTexts(inputs: RecordedStep['inputs']): string[] {
  return Object.entries(inputs).flatMap(([eid, attrs]) =>
    Object.entries(attrs).flatMap(([attr, sources]) =>
      Object.entries(sources).map(([source, value]) => `  < ${eid}.${attr} from ${source} = ${valueText(value)}`),
    ),
  );
}

function unknownSimulator(file: string, sid: string, { simulators }: TraceHeader): ConfigError {
  return new ConfigError(`${file} has no simulator ${sid}`, `name one of ${simulators.map((its) => its.sid).join(', ')}`);
}
