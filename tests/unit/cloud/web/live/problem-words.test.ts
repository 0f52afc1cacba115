import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROBLEM_DETAILS } from '../../../../../cloud/server/api/problem-details.ts';
import { PROBLEM_KINDS } from '../../../../../cloud/server/api/schemas/problem.ts';
import { OUTAGE_DETAILS } from '../../../../../cloud/server/outage-details.ts';
import { Formatter, type Language } from '../../../../../cloud/web/format.ts';
import { type ProblemSaid, problemTold } from '../../../../../cloud/web/live/problem-words.ts';
import { parkedTold, toldText } from '../../../../../cloud/web/live/told.ts';
import type { Dictionary } from '../../../../../cloud/web/words/dictionary.ts';
import { translator, WORDS } from '../../../../../cloud/web/words/words.ts';
import { PARKED_REASONS, parkedReason } from '../../../../../common/parked-reason.ts';

const DICTIONARY: Dictionary = WORDS;
/** Each value is its own name in braces. */
const NAMED = new Proxy({}, { get: (_, name) => `{${String(name)}}` });

function localeOf(language: Language) {
  const f = new Formatter(language, 'UTC');
  return { f, t: translator(language, f) };
}

function said(text: string, type = 'urn:fogline:problem:bad-parameter'): ProblemSaid {
  const figure = PROBLEM_DETAILS.of(text);
  return { type, detail: text, ...(figure !== undefined && { figure }) };
}

test("a problem is told in the reader's language, its figures as the language writes them", () => {
  const much = PROBLEM_DETAILS.say('too-many-numbers', { parameter: 'series', n: 1_200_000, most: 500_000 });
  assert.deepEqual(problemTold(said(much), localeOf('de')), {
    text: 'das wären 1.200.000 Zahlen, und eine Antwort hat höchstens 500.000: weniger Reihen oder eine gröbere Auflösung wählen',
    isEnglish: false,
  });
  const kept = PROBLEM_DETAILS.say('forgotten', { seconds: 5, start: '2024-03-01T12:00:00Z', wanted: '2023-01-01T00:00:00Z', remedy: 'x' });
  assert.match(toldText(problemTold(said(kept), localeOf('de'))), /^was alle 5 s aufbewahrt ist, beginnt .*2024.*12:00/);
  assert.match(toldText(problemTold(said(kept), localeOf('en'))), /^what is kept every 5 s begins at .*2024.*12:00/);
});

test("what has no words of its own is told by its kind, then the API's words, marked as English", () => {
  const problem = said('tz is given more than once: give it once');
  assert.deepEqual(problemTold(problem, localeOf('de')), {
    text: 'so lässt sich das nicht fragen: ',
    isEnglish: false,
    quoted: { text: 'tz is given more than once: give it once', isEnglish: true },
  });
  assert.equal(toldText(problemTold(problem, localeOf('en'))), 'tz is given more than once: give it once');
  // Of a newer cloud, or of a proxy that is none.
  const newer = { ...problem, type: 'urn:fogline:problem:eclipse', figure: { code: 'sun-down', values: {} } } as unknown as ProblemSaid;
  for (const its of [newer, { detail: problem.detail }])
    assert.deepEqual(problemTold(its, localeOf('de')), { text: problem.detail, isEnglish: true });
});

test('the reason of a parked household is told alike, and what nobody knows stays English', () => {
  const { t } = localeOf('de');
  const told = (reason: string) => parkedTold(t, reason, parkedReason(reason) ?? null);
  assert.deepEqual(told(PARKED_REASONS.say('conflict', { from: 1, to: 1_200 })), {
    text: 'unter den Nummern 1 bis 1.200 sind schon andere Messwerte gespeichert',
    isEnglish: false,
  });
  assert.deepEqual(told(PARKED_REASONS.say('rejected', { from: 1, to: 2, fault: 'field names' })), {
    text: 'abgelehnt bei Nummer 1 bis 2: ',
    isEnglish: false,
    quoted: { text: 'field names', isEnglish: true },
  });
  assert.deepEqual(told('the moon is wrong'), { text: 'the moon is wrong', isEnglish: true });
});

test('every code and kind of the API has words, with no value that the API does not give', () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const tables = [
    ['problem', PROBLEM_DETAILS],
    ['parked', PARKED_REASONS],
    ['fleet.detail', OUTAGE_DETAILS],
  ] as const;
  for (const [prefix, texts] of tables) {
    for (const code of texts.codes) {
      const given = names((texts as { text(said: { code: string; values: object }): string }).text({ code, values: NAMED }));
      for (const text of [DICTIONARY[`${prefix}.${code}`]?.de ?? ''].flat()) {
        assert.notEqual(text, '', `${prefix}.${code}`);
        for (const name of names(text)) assert(given.includes(name), `${prefix}.${code}: {${name}}`);
      }
    }
  }
  for (const kind of PROBLEM_KINDS) assert.deepEqual(names(String(DICTIONARY[`problem.kind.${kind}`]?.de)), ['detail'], kind);
  const told = Object.keys(WORDS).filter((key) => /^problem\./.test(key));
  assert.equal(told.length, PROBLEM_KINDS.length + PROBLEM_DETAILS.codes.length, 'words of problems that there are not');
  assert.equal(Object.keys(WORDS).filter((key) => key.startsWith('parked.')).length, PARKED_REASONS.codes.length);
});

test('a quotation stands last, so that it can be marked as the language that it is in', () => {
  for (const [key, { en, de }] of Object.entries(DICTIONARY))
    for (const text of [en, de].flat()) assert.doesNotMatch(text, /^(?!fleet).*\{(fault|detail)\}./, key);
});
