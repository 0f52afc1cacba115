/**
 * What does a backup cost, and whom? A store with a day of 50 households is copied by `fogline backup`, in a process of its own, while the
 * store goes on taking requests as fast as it can: how long it takes, how long a request takes meanwhile and without; then the restore.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../common/clock.ts';
import { ensureBuilt } from '../tests/crash/fleet.ts';
import type { Figure, Question } from './question.ts';
import { homes, openYearStore, Sender, WINDOW_MS, YEAR_FROM_MS } from './year-of-data.ts';

const ENTRY = join(import.meta.dirname, '../dist/fogline.js');
const HOUSEHOLDS = 50;
const WINDOWS_OF_DAY = 17_280;
/** Without a backup, before it. */
const QUIET_WINDOWS = 4_000;
/** Between two looks whether the backup has ended. */
const WINDOWS_AT_ONCE = 100;

export const backupTimes: Question = {
  name: 'backup',
  asks: `a backup of a day of ${HOUSEHOLDS} households while the store takes requests, and its restore`,
  async answer(say): Promise<Figure[]> {
    ensureBuilt();
    const folder = mkdtempSync(join(tmpdir(), 'fogline-bench-'));
    const [state, dir] = [join(folder, 'state'), join(folder, 'backup')];
    const store = openYearStore(state);
    try {
      await store.start();
      const sender = new Sender(store, homes(HOUSEHOLDS));
      await sender.start();
      await sender.send(YEAR_FROM_MS, WINDOWS_OF_DAY);
      let nextMs = YEAR_FROM_MS + WINDOWS_OF_DAY * WINDOW_MS;
      const send = async (windows: number, took: number[]) => {
        await sender.send(nextMs, windows, (ms) => took.push(ms));
        nextMs += windows * WINDOW_MS;
      };
      const [quiet, busy]: [number[], number[]] = [[], []];
      await send(QUIET_WINDOWS, quiet);
      const startedMs = systemClock.monotonicMs();
      let seconds: number | undefined;
      const ended = exitOf(['backup', dir, '--state', state]).then(() => (seconds = (systemClock.monotonicMs() - startedMs) / 1_000));
      while (seconds === undefined) await send(WINDOWS_AT_ONCE, busy);
      await ended;
      const megabytes = statSync(join(dir, 'cloud/series.db')).size / 1e6;
      say(`${megabytes.toFixed(0)} MB in ${seconds.toFixed(1)} s; ${busy.length} requests meanwhile`);
      const restoreSeconds = timed(['restore', dir, '--state', join(folder, 'restored')]);
      const checkSeconds = timed(['restore', dir, '--check']);
      for (const took of [quiet, busy]) took.sort((a, b) => a - b);
      return [
        { what: 'backup under load', value: (seconds / megabytes) * 1_000, unit: 's per GB' },
        { what: 'restore', value: (restoreSeconds / megabytes) * 1_000, unit: 's per GB' },
        { what: 'restore --check', value: (checkSeconds / megabytes) * 1_000, unit: 's per GB' },
        { what: 'a request of 500 parts, no backup, p50', value: quantile(quiet, 0.5), unit: 'ms' },
        { what: 'a request of 500 parts, no backup, p99', value: quantile(quiet, 0.99), unit: 'ms' },
        { what: 'a request of 500 parts, during the backup, p50', value: quantile(busy, 0.5), unit: 'ms' },
        { what: 'a request of 500 parts, during the backup, p99', value: quantile(busy, 0.99), unit: 'ms' },
        { what: 'a request of 500 parts, no backup, longest', value: quantile(quiet, 1), unit: 'ms' },
        { what: 'a request of 500 parts, during the backup, longest', value: quantile(busy, 1), unit: 'ms' },
      ];
    } finally {
      await store.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

function exitOf(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [ENTRY, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.on('data', (bytes) => (told += String(bytes)));
  return new Promise((resolve, reject) => {
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${args[0]}: exit ${code}\n${told}`))));
  });
}

function timed(args: readonly string[]): number {
  const startedMs = systemClock.monotonicMs();
  const { status, stderr } = spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args[0]}: exit ${status}\n${stderr}`);
  return (systemClock.monotonicMs() - startedMs) / 1_000;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
