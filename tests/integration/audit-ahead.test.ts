/** A window that is shown before it is stored: `fogline audit` says yes to the one in the file and no to any other. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureBuilt, Fleet } from '../crash/fleet.ts';
import { trueWindows } from '../truth/truth.ts';
import { writeMeteredData } from '../truth/metered-data.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const WINDOW_MS = 5_000;
const HOME = 'home-1';
/** Of the middle of the run: some windows are stored when the cloud goes, most are not. */
const STORED_MIN = 5;

const dataDir = mkdtempSync(join(tmpdir(), 'fogline-ahead-'));
before(() => {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 2, seconds: 600, seed: 6 });
});
after(() => rmSync(dataDir, { recursive: true }));

interface Report {
  agrees: boolean;
  waiting: number;
  devices: { household: string; latest: string }[];
  refusals: { household: string; stage: string; what: string }[];
}

test('shown ahead of the store', async () => {
  const fleet = new Fleet({ dataDir, speed: '200' });
  try {
    await fleet.open();
    fleet.startAll();
    await fleet.until('some windows are stored', ({ acked }) => acked >= STORED_MIN);
    await fleet.kill('cloud');
    await fleet.ended('simulate');
    await fleet.until('the end of the run is taken in', ({ runs }) => runs.some(({ ended }) => ended));
    await fleet.kill('edge');

    const windows = [...trueWindows(dataDir)].filter(([key]) => key.startsWith(`${HOME},power,`));
    const [key, window] = windows.at(-2) as (typeof windows)[number];
    const startMs = Number(key.split(',')[2]);
    const meanW = window.values.reduce((sum, value) => sum + value, 0) / window.values.length;
    const shown = (powerW: number, ms: number) => ({ household: HOME, powerW, powerAt: new Date(ms + WINDOW_MS).toISOString() });

    const right = await auditShowing(fleet.stateDir, shown(meanW, startMs));
    assert.ok(right.waiting > 0, 'a backlog waits');
    assert.equal(right.devices.find(({ household }) => household === HOME)?.latest, 'agrees');
    for (const wrong of [shown(meanW + 0.001, startMs), shown(meanW, startMs + 3_600_000)]) {
      const report = await auditShowing(fleet.stateDir, wrong);
      assert.ok(!report.agrees);
      const refusal = report.refusals.find(({ household, stage }) => household === HOME && stage === 'latest');
      assert.match(refusal?.what ?? '', /ahead of the store/);
    }
  } finally {
    await fleet.stop();
  }
});

/** Asks a page that shows this. */
async function auditShowing(stateDir: string, household: object): Promise<Report> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ households: [household], nextCursor: null }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = [ENTRY, 'audit', '--state', stateDir, '--data', dataDir, '--json', '--url', url];
  try {
    return await new Promise<Report>((resolve, reject) => {
      execFile(process.execPath, args, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
        if (stdout === '') reject(new Error(`${error?.message}: ${stderr}`));
        else resolve(JSON.parse(stdout) as Report);
      });
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
