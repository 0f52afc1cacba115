/** How long does the first start wait for the synthetic households? */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freshCopy, makeFresh } from './fresh-copy.ts';
import { type Figure, median, type Question } from './question.ts';

const TRIES = 5;

export const sample: Question = {
  name: 'sample',
  asks: 'seconds to generate the synthetic day, with the start of the process',
  async answer(): Promise<Figure[]> {
    const folder = freshCopy();
    try {
      const seconds = Array.from({ length: TRIES }, () => generate(folder));
      return [
        { what: `longest of ${TRIES}`, value: Math.max(...seconds), unit: 's', promise: { is: '≤', limit: 5 } },
        { what: 'median', value: median(seconds), unit: 's' },
      ];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function generate(folder: string): number {
  makeFresh(folder);
  const startMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'dist/fogline.js'), 'sample'], { cwd: folder, encoding: 'utf8' });
  const seconds = (performance.now() - startMs) / 1_000;
  if (status !== 0 || !existsSync(join(folder, 'data/sample/households.json'))) throw new Error(`no sample was made: ${stderr}`);
  return seconds;
}
