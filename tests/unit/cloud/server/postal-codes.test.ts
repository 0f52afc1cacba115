import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { loadPostalCodeStates, POSTAL_CODES, PostalCodeStates, STATE_NAMES } from '../../../../cloud/server/postal-codes.ts';

const TEXT = readFileSync(new URL('../../../../data/plz-states.csv', import.meta.url), 'utf8');
const RANGES = TEXT.trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(',') as [string, string, string]);

it('every German postal code lies in exactly one state', () => {
  const states = loadPostalCodeStates();
  assert.equal(POSTAL_CODES.length, 8_210);
  // A list that is another would draw other codes than those that stores hold, and `fogline audit` would call them wrong.
  const sha256 = createHash('sha256').update(POSTAL_CODES.join(',')).digest('hex');
  assert.equal(sha256, 'cd15bdd12942d2dde1084846d91a2249abcc9d22374a034b965cd6c1431d0c72');
  const found = new Set<string>();
  for (const code of POSTAL_CODES) {
    const state = states.stateOf(code);
    assert.ok(state !== undefined && STATE_NAMES.has(state), code);
    found.add(state);
    const most = narrowest(code);
    assert.equal(new Set(most.map(([, , its]) => its)).size, 1, `${code} lies in equally narrow ranges of two states`);
    assert.equal(most[0]?.[2], state, `a wider range comes before the narrowest one of ${code}`);
  }
  assert.equal(found.size, 16);
});

function narrowest(code: string): [string, string, string][] {
  const holding = RANGES.filter(([from, to]) => from <= code && code <= to);
  const width = ([from, to]: [string, string, string]) => Number(to) - Number(from);
  const least = Math.min(...holding.map(width));
  return holding.filter((range) => width(range) === least);
}

it('ranges lie inside each other or apart, and each has a code of its own', () => {
  for (const [i, [from, to]] of RANGES.entries()) {
    for (const [otherFrom, otherTo] of RANGES.slice(i + 1)) {
      const inside = otherFrom <= from && to <= otherTo;
      assert.ok(inside || to < otherFrom || otherTo < from, `${from}-${to} and ${otherFrom}-${otherTo} cross`);
    }
    const without = RANGES.filter((_, j) => j !== i).map((range) => range.join());
    const others = new PostalCodeStates(['from,to,state', ...without].join('\n'));
    const all = loadPostalCodeStates();
    const needed = POSTAL_CODES.some((code) => from <= code && code <= to && others.stateOf(code) !== all.stateOf(code));
    assert.ok(needed, `${from}-${to} changes nothing`);
  }
});

/** Codes on borders, each looked up by its place. */
const BORDERS: Readonly<Record<string, string>> = {
  '01945': 'DE-BB', // Ruhland
  '06556': 'DE-TH', // Artern
  '07919': 'DE-SN', // Mühltroff
  '07952': 'DE-SN', // Pausa
  '07985': 'DE-SN', // Elsterberg
  '12529': 'DE-BB', // Schönefeld
  '13599': 'DE-BE', // Spandau
  '14473': 'DE-BB', // Potsdam
  '17258': 'DE-MV', // Feldberg
  '17268': 'DE-BB', // Templin
  '17326': 'DE-BB', // Brüssow
  '17328': 'DE-MV', // Penkun
  '17335': 'DE-MV', // Strasburg (Uckermark)
  '19273': 'DE-NI', // Amt Neuhaus
  '19322': 'DE-BB', // Wittenberge
  '21465': 'DE-SH', // Reinbek
  '21481': 'DE-SH', // Lauenburg
  '21522': 'DE-NI', // Hohnstorf
  '22844': 'DE-SH', // Norderstedt
  '23936': 'DE-MV', // Grevesmühlen
  '27498': 'DE-SH', // Helgoland
  '27499': 'DE-HH', // Neuwerk
  '27568': 'DE-HB', // Bremerhaven
  '27607': 'DE-NI', // Langen
  '28195': 'DE-HB', // Bremen
  '28816': 'DE-NI', // Stuhr
  '29410': 'DE-ST', // Salzwedel
  '34346': 'DE-NI', // Hann. Münden
  '34355': 'DE-NI', // Staufenberg
  '34414': 'DE-NW', // Warburg
  '36404': 'DE-TH', // Vacha
  '37194': 'DE-NI', // Bodenfelde
  '37213': 'DE-HE', // Witzenhausen
  '37235': 'DE-HE', // Hessisch Lichtenau
  '37308': 'DE-TH', // Heiligenstadt
  '37671': 'DE-NW', // Höxter
  '37691': 'DE-NI', // Boffzen
  '38486': 'DE-ST', // Klötze
  '49477': 'DE-NW', // Ibbenbüren
  '48455': 'DE-NI', // Bad Bentheim
  '51598': 'DE-RP', // Friesenhagen
  '53545': 'DE-RP', // Linz am Rhein
  '55246': 'DE-HE', // Mainz-Kostheim
  '59969': 'DE-NW', // Hallenberg
  '63739': 'DE-BY', // Aschaffenburg
  '64754': 'DE-BW', // Schönbrunn
  '65326': 'DE-HE', // Aarbergen
  '65558': 'DE-RP', // Heistenbach
  '65629': 'DE-RP', // Niederneisen
  '66482': 'DE-RP', // Zweibrücken
  '68519': 'DE-HE', // Viernheim
  '69239': 'DE-HE', // Neckarsteinach
  '69434': 'DE-HE', // Hirschhorn
  '69509': 'DE-HE', // Mörlenbach
  '76726': 'DE-RP', // Germersheim
  '88131': 'DE-BY', // Lindau
  '88147': 'DE-BW', // Achberg
  '88161': 'DE-BY', // Lindenberg
  '89231': 'DE-BY', // Neu-Ulm
  '89073': 'DE-BW', // Ulm
  '89518': 'DE-BW', // Heidenheim
  '96515': 'DE-TH', // Sonneberg
  '97877': 'DE-BW', // Wertheim
  '97896': 'DE-BW', // Freudenberg
  '97900': 'DE-BW', // Külsheim
  '97903': 'DE-BY', // Collenberg
};

it('codes on borders lie in the state of their place', () => {
  const states = loadPostalCodeStates();
  const wrong = Object.entries(BORDERS).filter(([code, state]) => states.stateOf(code) !== state);
  assert.deepEqual(wrong, []);
});

it('what is no postal code has no state', () => {
  const states = loadPostalCodeStates();
  for (const text of ['', '1252', '125290', '00000', '99999', '1252a', '١٢٥٢٩', '05000'])
    assert.equal(states.stateOf(text), undefined, text);
});

it('refuses a file of ranges that is damaged', () => {
  for (const text of [
    '',
    'from,to\n',
    'from,to,state\n01001,01936,SN',
    'from,to,state\n01936,01001,DE-SN',
    'from,to,state\n01001,01936,DE-XX',
  ]) {
    assert.throws(() => new PostalCodeStates(text), text);
  }
});
