/**
 * What a deployed cloud server is for, wherever it was made: an edge on this machine, outside the bare Debian, ships a recording to it over
 * mutual TLS, the audit of the release that is installed there agrees from the files to the page's API, and Chromium shows the recording.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import type { EdgeStatus } from '../../common/messages.ts';
import { METERED_START_MS, writeMeteredData } from '../truth/metered-data.ts';
import { assertSameAtEveryStage, assertYes, fogline, type Report } from './audited-run.ts';
import type { BareDebian } from './bare-debian.ts';
import { CHROMIUM } from './built-pages.ts';
import { until } from './until.ts';

const ENTRY = fileURLToPath(new URL('../../dist/fogline.js', import.meta.url));
const PATIENT_MS = 120_000;
const HOMES = 3;
/** Four minutes of each home are missing in its file; windows beside them are not whole minutes. */
const MINUTES_MISSING = 5;
const THERE = '/srv/shipped';

/** Where a cloud server is asked, and with which token. */
export interface Door {
  url: string;
  token?: string;
}

export class OutsideEdge {
  private readonly state: string;
  private readonly data: string;
  private readonly seconds: number;
  private readonly folder: string;
  private edge: ChildProcess | undefined;

  /** @param folder where it may work */
  constructor(folder: string, seconds: number) {
    this.folder = folder;
    this.seconds = seconds;
    this.state = join(folder, 'edge');
    this.data = join(folder, 'recording');
  }

  /** Until everything is acknowledged. */
  async ship(bundle: string, ports: { heartbeat: number; data: number }, cloudLog: () => string): Promise<void> {
    writeMeteredData(this.data, { households: HOMES, seconds: this.seconds, seed: 8 });
    const statusUrl = await this.start(bundle, ports);
    const simulated = fogline('simulate', '--state', this.state, '--data', this.data, '--speed', 'max', '--json');
    assert.equal(simulated.status, 0, simulated.stderr);
    const { published, run } = JSON.parse(simulated.stdout.trim().split('\n').at(-1) ?? '{}') as { published: number; run: string };
    // A reading every two seconds, but for what is missing.
    assert(published > 0.45 * HOMES * (this.seconds - 60 * MINUTES_MISSING), `${published} readings`);
    await eventually('everything to be acknowledged', cloudLog, async () => {
      const { runs } = (await (await fetch(statusUrl)).json()) as EdgeStatus;
      return runs.some((its) => its.run === run && its.done) || undefined;
    });
  }

  private async start(bundle: string, ports: { heartbeat: number; data: number }): Promise<string> {
    const sets = ['link.tls=on', `link.bundle_file=${bundle}`, `link.heartbeat_port=${ports.heartbeat}`, `link.data_port=${ports.data}`];
    const args = ['edge', '--state', this.state, '--json', ...sets.flatMap((set) => ['--set', set])];
    const edge = spawn(process.execPath, [ENTRY, ...args], { cwd: this.folder, stdio: ['ignore', 'pipe', 'ignore'] });
    this.edge = edge;
    let said = '';
    edge.stdout.setEncoding('utf8').on('data', (part: string) => (said += part));
    return eventually(
      'the edge',
      () => said,
      async () => /"statusUrl":"([^"]+)"/.exec(said)?.[1],
    );
  }

  /** Files, topic, edge, cloud and page say the same. @param cloud the part's folder in its state, there. The edge is stopped for it. */
  async audit(debian: BareDebian, cloud: string, { url, token }: Door): Promise<void> {
    await this.stop('SIGTERM');
    await debian.run(`rm -rf ${THERE}`);
    await debian.copyIn(this.state, `${THERE}/state`);
    await debian.copyIn(this.data, `${THERE}/data`);
    await debian.run(`ln -s ${cloud} ${THERE}/state/cloud`);
    const asked = token === undefined ? '' : `--set dashboard.token=file:${THERE}/token`;
    if (token !== undefined) writeFileSync(debian.path(`${THERE}/token`), token, { mode: 0o600 });
    await debian.run(`chown -R fogline:fogline ${THERE}`);
    const command = `fogline audit --state ${THERE}/state --data ${THERE}/data --url ${url} --json ${asked}`;
    const { stdout, stderr } = await debian.attempt(command);
    assert(stdout.startsWith('{'), stderr);
    const report = JSON.parse(stdout) as Report;
    assertYes(report);
    assertSameAtEveryStage(report);
    assert.deepEqual(
      report.devices.map(({ latest }) => latest),
      report.devices.map(() => 'agrees'),
    );
  }

  /** Chromium, in by the token where one is demanded: the newest power, and each minute of the recording. */
  async assertShown({ url, token }: Door): Promise<void> {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENT_MS);
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      const [from, to] = [METERED_START_MS, METERED_START_MS + this.seconds * 1_000].map((ms) => new Date(ms).toISOString());
      await page.goto(`${url}/?from=${from}&to=${to}&res=1m`);
      if (token !== undefined) {
        await page.locator('#token').fill(token);
        await page.getByRole('button', { name: 'Open' }).click();
        await page.waitForURL((its) => its.pathname !== '/login');
        await page.goto(`${url}/?from=${from}&to=${to}&res=1m`);
      }
      await page.locator('#power').getByText(/\d/).first().waitFor();
      const minutes = await minutesShown(page);
      assert.equal(minutes.length, this.seconds / 60);
      const drawn = minutes.filter((power) => /^\d[\d.,\s]*k?W$/.test(power)).length;
      assert(drawn >= minutes.length - MINUTES_MISSING, minutes.join('; '));
      assert.deepEqual(faults, []);
    } finally {
      await browser.close();
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { edge } = this;
    this.edge = undefined;
    if (edge === undefined || edge.exitCode !== null || edge.signalCode !== null) return;
    const exited = new Promise((resolve) => edge.once('exit', resolve));
    edge.kill(signal);
    await exited;
  }
}

/** The chart's figures, as its table has them. */
async function minutesShown(page: Page): Promise<string[]> {
  await page.locator('.time-chart[aria-busy=false] canvas').waitFor();
  await page.keyboard.press('t');
  const rows = page.locator('.figures-table tbody tr');
  await rows.first().waitFor();
  return rows.evaluateAll((its) => its.map((row) => (row.children[1]?.textContent ?? '').replaceAll('\u00a0', ' ')));
}

/** Waits for what `look` finds; what fails meanwhile is tried again. @param more said when it does not come */
export async function eventually<T>(what: string, more: () => string, look: () => Promise<T | undefined>): Promise<T> {
  return until(() => look().catch(() => undefined), what, { more: () => more().slice(-2_000) }) as Promise<T>;
}
