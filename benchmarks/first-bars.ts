/** How long does somebody wait who starts Fogline for the first time, from the command to the first bars in the browser? */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { freshCopy, makeFresh } from './fresh-copy.ts';
import { type Figure, median, type Question } from './question.ts';
import { sleep, StartedRun } from './started-run.ts';

const CHROMIUM = process.env['FOGLINE_CHROMIUM'] || '/usr/bin/chromium';
const TRIES = 3;
const DEADLINE_MS = 120_000;
const LOOK_MS = 50;

export const firstBars: Question = {
  name: 'first-bars',
  asks: 'seconds from `npm start` in an empty state, synthetic households not yet made, to bars in a real headless Chromium',
  async answer(): Promise<Figure[]> {
    if (!existsSync(CHROMIUM)) throw new Error(`no Chromium at ${CHROMIUM}: install it or set FOGLINE_CHROMIUM`);
    const folder = freshCopy();
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    try {
      const seconds: number[] = [];
      for (let attempt = 0; attempt < TRIES; attempt++) seconds.push(await startAndLook(browser, folder));
      return [
        { what: `longest of ${TRIES}`, value: Math.max(...seconds), unit: 's', promise: { is: '≤', limit: 15 } },
        { what: 'median', value: median(seconds), unit: 's' },
      ];
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true });
    }
  },
};

async function startAndLook(browser: Browser, folder: string): Promise<number> {
  makeFresh(folder);
  const run = new StartedRun(['--fresh', '--state', join(folder, '.fogline/bench')], folder);
  const page = await browser.newPage();
  try {
    const [url] = await run.said(/http:\/\/\S+/, DEADLINE_MS);
    await until('the page opens', run, () => page.goto(url).then(isGood, () => false));
    await until('bars show', run, () => hasBars(page));
    return (performance.now() - run.startedMs) / 1_000;
  } finally {
    await page.close();
    await run.stop();
  }
}

function isGood(response: { ok(): boolean } | null): boolean {
  return response?.ok() === true;
}

async function until(what: string, run: StartedRun, isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    if (!run.isRunning || performance.now() > run.startedMs + DEADLINE_MS)
      throw new Error(`not reached: ${what}\n${run.output.slice(-2_000)}`);
    await sleep(LOOK_MS);
  }
}

/** True when the chart has lines of pixels in the colour of its bars. */
function hasBars(page: Page): Promise<boolean> {
  // As text: this runs in the page, whose types we do not know.
  return page.evaluate(`(() => {
    const canvas = document.getElementById('chart');
    if (canvas === null || !canvas.checkVisibility() || canvas.width === 0 || canvas.height === 0) return false;
    const hex = getComputedStyle(document.documentElement).getPropertyValue('--bar').trim();
    const wanted = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let y = 0; y < height; y++) {
      let inARow = 0;
      for (let x = 0; x < width; x++) {
        const at = 4 * (y * width + x);
        const isBar = data[at + 3] > 250 && wanted.every((value, i) => Math.abs(data[at + i] - value) < 3);
        inARow = isBar ? inARow + 1 : 0;
        if (inARow >= 5) return true;
      }
    }
    return false;
  })()`) as Promise<boolean>;
}
