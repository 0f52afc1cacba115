/** Records runs into a folder of the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import type { Simulator } from '../../../../../edge/simulator/cosim/simulator.ts';
import { TraceRecorder } from '../../../../../edge/simulator/trace/recorder.ts';
import type { RecordedEnd, TraceHeader, TraceLine } from '../../../../../edge/simulator/trace/trace-format.ts';
import { openTrace } from '../../../../../edge/simulator/trace/trace-reader.ts';

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-trace-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @param run makes the world with `around` and runs it; what it returns goes into the end line */
export async function record(
  file: string,
  run: (around: (simulator: Simulator) => Simulator) => Promise<Omit<RecordedEnd['end'], 'steps'> | undefined>,
): Promise<void> {
  const onFailure = (error: Error) => {
    throw error;
  };
  const recorder = new TraceRecorder({ file, clock: systemClock, scenario: 'of a test', until: 100, onFailure });
  await recorder.start();
  let end: Omit<RecordedEnd['end'], 'steps'> | undefined;
  try {
    end = await run(recorder.around);
  } finally {
    await recorder.close(end);
  }
}

export interface Read {
  header: TraceHeader;
  lines: TraceLine[];
  end: RecordedEnd['end'] | undefined;
  torn: string | undefined;
}

export async function readTrace(file: string): Promise<Read> {
  const trace = await openTrace(file);
  const lines: TraceLine[] = [];
  for await (const line of trace.lines()) lines.push(line);
  return { header: trace.header, lines, end: trace.end, torn: trace.tornText };
}
