import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloudFile, CloudPart } from '../../../audit/cloud-file.ts';
import { Findings } from '../../../audit/findings.ts';
import { WindowAudit } from '../../../audit/window-audit.ts';

function part(windowStartMs: number, seq: number, powerW: number): CloudPart {
  const numbers = { first: powerW, last: powerW, sum: powerW, min: powerW, max: powerW };
  const timeMs = windowStartMs + seq;
  const digest = { high: 0, low: 0 };
  return {
    windowStartMs,
    sourceId: 1,
    fromSeq: seq,
    toSeq: seq,
    firstMs: timeMs,
    lastMs: timeMs,
    digest,
    isDamaged: false,
    fields: new Map([['power', numbers]]),
  };
}

test('a page asked while a window still grew may show it as it was after any of its parts', () => {
  const parts = [part(0, 1, 100), part(5_000, 2, 460), part(5_000, 3, 1_000)];
  const cloud = { windowMs: 5_000, parts: () => parts, series: () => [], keptFromMs: () => 0 } as unknown as CloudFile;
  const device = { household: 'h', deviceId: 1, fields: ['power'], sources: new Map(), truth: new Map() };
  const { newest, recentMeansW } = new WindowAudit(cloud, new Findings(), device).run();
  assert.deepEqual(newest, { startMs: 5_000, meanW: 730 });
  assert.deepEqual(
    [...recentMeansW],
    [
      [0, [100]],
      [5_000, [460, 730]],
    ],
  );
});
