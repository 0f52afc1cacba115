import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_WORDS } from '../../../../../cloud/server/api/routes/page.ts';
import { hasRange, NAVIGATION, routeOf } from '../../../../../cloud/web/shell/routes.ts';

test('addresses and their pages', () => {
  const table: [path: string, page: string, id?: string][] = [
    ['/', 'overview'],
    ['/states', 'states'],
    ['/states/DE-BB', 'states', 'DE-BB'],
    ['/households/', 'households'],
    ['/households/home-01', 'households', 'home-01'],
    ['/fleet/edge%201', 'fleet', 'edge 1'],
    ['/explore', 'explore'],
    ['/explore/x', 'not-found'],
    ['/states/DE-BB/x', 'not-found'],
    ['/fleet/%E0%A4%A', 'not-found'],
    ['/nothing', 'not-found'],
    ['//', 'not-found'],
  ];
  for (const [path, page, id] of table) assert.deepEqual(routeOf(path), { page, id }, path);
});

test('the server answers with the document at the address of every page', () => {
  for (const { path } of PAGE_WORDS) {
    const its = routeOf(path.replace(/:(\w+)/, 'x'));
    assert.notEqual(its.page, 'not-found', path);
    assert.equal(its.id !== undefined, path.includes(':'), path);
  }
});

test('range, comparison and export belong to the pages of event time', () => {
  const pages = NAVIGATION.map(({ page }) => page).filter(hasRange);
  assert.deepEqual(pages, ['overview', 'states', 'households', 'explore']);
  assert.equal(hasRange('not-found'), false);
});
