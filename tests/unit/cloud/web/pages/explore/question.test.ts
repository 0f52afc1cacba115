import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choiceOf } from '../../../../../../cloud/web/pages/explore/choice.ts';
import { exploreQuestion } from '../../../../../../cloud/web/pages/explore/question.ts';
import { rangeOf } from '../../../../../../cloud/web/range-address.ts';

function questionIn(address: string, zone = 'Europe/Berlin'): string | null {
  const query = new URLSearchParams(address);
  return exploreQuestion(choiceOf(query), rangeOf(query), zone);
}

test('the address says what is asked: series that fit on two axes, range, zone, grain, statistics', () => {
  assert.equal(
    questionIn(''),
    '/api/v1/series?series=all.power&from=latest-24h&to=latest&tz=Europe/Berlin&points=500' +
      '&stats=mean,min,max,energy,coverage,households&unknown=null',
  );
  assert.equal(
    questionIn('series=a.power,a.energy,a.frequency&from=first&res=1h&stat=last', 'UTC'),
    '/api/v1/series?series=a.power,a.energy&from=first&to=latest&tz=UTC&resolution=1h&stats=last,energy,coverage&unknown=null',
  );
  const many = Array.from({ length: 9 }, (_, i) => `h${i}.power`).join();
  assert.match(questionIn(`series=${many}`) ?? '', /stats=mean,coverage&unknown=null$/);
  assert.equal(questionIn('series=none'), null);
});
