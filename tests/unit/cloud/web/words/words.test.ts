import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Formatter } from '../../../../../cloud/web/format.ts';
import type { Dictionary } from '../../../../../cloud/web/words/dictionary.ts';
import { translator, WORDS } from '../../../../../cloud/web/words/words.ts';
import { repositoryFiles } from '../../../../../scripts/tidy.ts';
import { blankText } from '../../../../../scripts/source-text.ts';

/** Stands on the page as it is in every language. */
const NAMES: ReadonlySet<string> = new Set(['Fogline']);
/** Attributes that are read out or shown. */
const SPOKEN = /\b(title|aria-label|aria-description|placeholder|alt|label|summary|caption|text|note)="([^"]*[A-Za-zÄÖÜäöüß]{2}[^"]*)"/g;

const pages = new Map([...repositoryFiles()].filter(([path]) => /^cloud\/web\/.*\.tsx?$/.test(path)));
const users = [...pages].filter(([path]) => !path.startsWith('cloud/web/words/') && !path.endsWith('vite.config.ts'));

/** Keys that no file names, literally or as a template like `live.${badge}`. */
function unusedKeys(keys: readonly string[], texts: readonly string[]): string[] {
  const all = texts.join('\n');
  const patterns = [...all.matchAll(/`((?:[\w.-]|\$\{[^{}`]+\})+)`/g)]
    .filter(([, body]) => /\$\{/.test(body ?? '') && /\./.test(body ?? ''))
    .map(([, body]) => new RegExp(`^${(body ?? '').replaceAll('.', '\\.').replace(/\$\{[^{}]+\}/g, '[\\w-]+')}$`));
  return keys.filter((key) => !all.includes(`'${key}'`) && !patterns.some((pattern) => pattern.test(key)));
}

/** Words that stand in a page instead of in the dictionary. */
function strayWords(text: string): string[] {
  const code = text.replace(/<\/|\/>/g, (tag) => (tag === '</' ? '<_' : '_>'));
  const blanked = blankText(code);
  const between = [...blanked.matchAll(/[}>]([^<>{}=;()]*[A-Za-zÄÖÜäöüß]{2}[^<>{}=;()]*)<_/g)].map(([, words]) => (words ?? '').trim());
  const spoken = [...text.matchAll(SPOKEN)].map(([, , words]) => words ?? '');
  const sentences = [...text.matchAll(/(?<![\w`])'([A-ZÄÖÜ][a-zäöüß]+ [^'\n]*)'/g)].map(([, words]) => words ?? '');
  return [...between, ...spoken, ...sentences].filter((words) => words !== '' && !NAMES.has(words));
}

test('every word is used by a page, and nothing is left out of either language', () => {
  assert(pages.size > 20);
  const keys = Object.keys(WORDS);
  assert(keys.length > 100);
  assert.deepEqual(
    unusedKeys(
      keys,
      users.map(([, text]) => text),
    ),
    [],
  );
  for (const [key, { en, de }] of Object.entries(WORDS as Dictionary)) {
    assert.deepEqual(namesIn(de), namesIn(en), `${key}: the same values in both languages`);
    assert.equal(typeof de, typeof en, `${key}: one and many in both languages`);
    for (const text of [en, de].flat()) assert(text.trim() !== '', key);
  }
});

test('no page has words of its own', () => {
  const stray = users.flatMap(([path, text]) => (path.endsWith('.tsx') ? strayWords(text).map((words) => `${path}: ${words}`) : []));
  assert.deepEqual(stray, []);
});

test('the search finds what it is for', () => {
  assert.deepEqual(unusedKeys(['a.b', 'c.d', 'e.one', 'f.title'], ["t('a.b')", 't(`e.${kind}`)', 't(`${page}.title`)']), ['c.d']);
  assert.deepEqual(strayWords('<p class="lead">{t(\'a.b\')}</p>\n<br />'), []);
  assert.deepEqual(strayWords('<p>No words here</p>'), ['No words here']);
  assert.deepEqual(strayWords('<p>\n  {count} of them\n</p>'), ['of them']);
  assert.deepEqual(strayWords('<button title="Close">{icon}</button>'), ['Close']);
  assert.deepEqual(strayWords("const words = 'Nothing is here';"), ['Nothing is here']);
});

test('values are put in, numbers as the language writes them, one and many apart', () => {
  const t = translator('de', new Formatter('de', 'UTC'));
  assert.equal(t('overview.parts', { n: 1 }), '1 Teil');
  assert.equal(t('overview.parts', { n: 12_345 }), '12.345 Teile');
  assert.equal(t('overview.title'), 'Übersicht');
  const english = translator('en', new Formatter('en', 'UTC'));
  assert.equal(
    english('overview.drawn', { drawn: 3, n: 6 }),
    '3 of 6 households have a drawn postal code; give households.json for real places.',
  );
});

function namesIn(text: string | readonly [string, string]): string[] {
  const texts = typeof text === 'string' ? [text] : [...text];
  return [...new Set(texts.flatMap((its) => [...its.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')))].sort();
}
