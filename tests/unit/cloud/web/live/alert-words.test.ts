import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALERT_DETAILS, DETAIL_CODES } from '../../../../../cloud/server/alert-details.ts';
import { ALERT_KINDS, ALERT_RULES } from '../../../../../cloud/server/alert-rules.ts';
import type { AlertReply } from '../../../../../cloud/server/api/api-types.ts';
import { Formatter, type Language } from '../../../../../cloud/web/format.ts';
import { alertWords } from '../../../../../cloud/web/live/alert-words.ts';
import { toldText } from '../../../../../cloud/web/live/told.ts';
import type { Dictionary } from '../../../../../cloud/web/words/dictionary.ts';
import { translator, WORDS } from '../../../../../cloud/web/words/words.ts';

const tIn = (language: Language) => translator(language, new Formatter(language, 'UTC'));
const DICTIONARY: Dictionary = WORDS;
const OWED: Pick<AlertReply, 'alert' | 'about' | 'title' | 'detail' | 'figure' | 'runbook'> = {
  alert: 'household-silent',
  about: 'household',
  title: 'owes windows',
  detail: '1200 windows expected and not there',
  figure: { code: 'windows-owed', values: { n: 1_200 } },
  runbook: 'look at the meter',
};
const texts = (alert: Parameters<typeof alertWords>[0], language: Language) => {
  const { what, figure } = alertWords(alert, tIn(language));
  return [what, figure].map(toldText);
};

test("an alert names a household by the first characters of its id, and in full in its figure, in the reader's language", () => {
  const household = '0123456789abcdef'.repeat(4);
  assert.deepEqual(texts({ ...OWED, subject: household }, 'en'), [
    'household 01234567… owes windows',
    `1,200 windows expected and not there (household ${household})`,
  ]);
  assert.deepEqual(texts({ ...OWED, subject: household }, 'de'), [
    'Haushalt 01234567… bleibt Fenster schuldig',
    `1.200 Fenster erwartet und nicht da (Haushalt ${household})`,
  ]);
  // Short ids, and those of edges, which people gave them, stand there as they are.
  for (const subject of ['home-1234', 'household-0017'])
    assert.deepEqual(texts({ ...OWED, subject }, 'de'), [
      `Haushalt ${subject} bleibt Fenster schuldig`,
      '1.200 Fenster erwartet und nicht da',
    ]);
  const subject = `edge-${'x'.repeat(60)}`;
  assert.equal(texts({ ...OWED, alert: 'edge-silent', about: 'edge', subject }, 'de')[0], `Edge ${subject} meldet sich nicht`);
});

test('a hostile value is text, and fills no other place', () => {
  const figure = { code: 'parked' as const, values: { n: 1, household: '{reason}', reason: '$& {n}' } };
  assert.equal(texts({ ...OWED, subject: 'h', figure }, 'de')[1], '1 zurückgestellt, {reason}: $& {n}');
});

test('a reason that a figure quotes is told in the language too, and marked as English where it is not known', () => {
  const values = { n: 2, household: 'home-1', reason: 'outbox row 7 is damaged: digest' };
  const figure = { code: 'parked' as const, values, reason: { code: 'row-damaged' as const, values: { row: 7, fault: 'digest' } } };
  const edge = { ...OWED, about: 'edge' as const, subject: 'edge-1' };
  assert.deepEqual(alertWords({ ...edge, figure }, tIn('de')).figure, {
    text: '2 zurückgestellt, home-1: ',
    isEnglish: false,
    quoted: { text: 'Zeile 7 des Ausgangs ist beschädigt: ', isEnglish: false, quoted: { text: 'digest', isEnglish: true } },
  });
  assert.deepEqual(alertWords({ ...edge, figure: { code: 'parked', values } }, tIn('de')).figure.quoted, {
    text: values.reason,
    isEnglish: true,
  });
});

test('what these pages have no words for is told as the cloud says it, in English', () => {
  const { what, figure, todo } = alertWords({ ...OWED, alert: 'sun-down', title: 'is dark', subject: 'h', figure: null }, tIn('de'));
  assert.deepEqual(what, { text: 'household h is dark', isEnglish: true });
  assert.deepEqual(figure, { text: '1200 windows expected and not there', isEnglish: true });
  assert.deepEqual(todo, { text: 'look at the meter', isEnglish: true });
  assert.equal(alertWords({ ...OWED, subject: 'h' }, tIn('de')).todo.isEnglish, false);
});

test("every alert and figure of the cloud has words: the English ones are the cloud's, the German ones have its values", () => {
  const plural = (key: string, language: Language) => [DICTIONARY[key]?.[language]].flat().at(-1) ?? '';
  const names = (text: string) => new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  for (const kind of ALERT_KINDS) {
    const { about, title, runbook } = ALERT_RULES[kind];
    assert.equal(plural(`alert.title.${kind}`, 'en'), `${about}${about === 'cloud' ? '' : ' {subject}'} ${title}`);
    assert.equal(plural(`alert.todo.${kind}`, 'en'), runbook);
  }
  for (const code of DETAIL_CODES) {
    assert.equal(plural(`alert.figure.${code}`, 'en').replace('’', "'"), ALERT_DETAILS[code]);
    assert.deepEqual(names(plural(`alert.figure.${code}`, 'de')), names(ALERT_DETAILS[code]), code);
  }
  const told = Object.keys(WORDS).filter((key) => /^alert\.(title|todo|figure)\./.test(key));
  assert.equal(told.length, 2 * ALERT_KINDS.length + DETAIL_CODES.length, 'words of alerts that there are not');
});
