/** `fogline trace diff`: where two recorded runs part. Exit 0 when they are equal, else 1. */
import type { CommandOptions } from '../../../common/command.ts';
import { EXIT } from '../../../common/errors.ts';
import { areEqual, diffText, diffTraces } from './trace-diff.ts';
import { openTrace } from './trace-reader.ts';
import { resultText } from './trace-values.ts';

export interface TraceDiffOptions extends CommandOptions {
  a: string;
  b: string;
  tolerance: number;
}

export async function main({ a, b, tolerance, json, signal }: TraceDiffOptions): Promise<number> {
  const first = await openTrace(a);
  try {
    const diff = await diffTraces(first, await openTrace(b), { tolerance, signal });
    if (signal.aborted) return EXIT.interrupted;
    process.stdout.write(json ? `${resultText({ equal: areEqual(diff), ...diff })}\n` : diffText(diff));
    return areEqual(diff) ? EXIT.ok : EXIT.failed;
  } finally {
    await first.close();
  }
}
