import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Formatter } from '../../../../../../cloud/web/format.ts';
import { labelsFor } from '../../../../../../cloud/web/pages/explore/series-label.ts';
import type { Translate } from '../../../../../../cloud/web/words/words.ts';

const HASH = '08f741bc5fa3dfd1adf70f52d2fe583e4a4be9d0bf3d49886bce11e8387d888e';
const label = labelsFor({ t: ((key: string) => key) as Translate, f: new Formatter('en', 'UTC') });

test('a household with a long id is named by its beginning, others by their name', () => {
  assert.equal(label(`${HASH}.power`), '08f741bc… · power');
  assert.equal(label(`${HASH}/meter.power1`), '08f741bc… / meter · power1');
  assert.equal(label('home-01.power'), 'home-01 · power');
  assert.equal(label('state:DE-BB.power'), 'Brandenburg · power');
  assert.equal(label('state:DE-BY.power'), 'Bavaria · power');
  assert.equal(label('all.power'), 'explore.all · power');
});
