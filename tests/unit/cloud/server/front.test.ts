import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstOf } from '../../../../cloud/server/front.ts';

test('the line of a status names a household by the beginning of its id, an edge by its name, and nothing when nothing is raised', () => {
  const subject = '0123456789abcdef'.repeat(4);
  assert.equal(firstOf([]), '');
  assert.equal(firstOf([{ about: 'household', subject, title: 'is silent' }]), 'household 0123456789ab is silent');
  assert.equal(firstOf([{ about: 'edge', subject: 'edge-of-a-long-name', title: 'is silent' }]), 'edge edge-of-a-long-name is silent');
  assert.equal(firstOf([{ about: 'cloud', subject: '', title: 'refuses requests' }]), 'cloud refuses requests');
});
