import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALERT_KINDS, ALERT_RULES, type AlertRule, CALM, type Judged, judgeFigure } from '../../../../cloud/server/alert-rules.ts';

/** Figures one a second, and after each whether the alert is raised: `R` or `.`. */
function course(rule: AlertRule, values: readonly (number | null)[], from: Judged = CALM): string {
  let held = from;
  return values.map((value, second) => ((held = judgeFigure(rule, held, value, second * 1_000)).isRaised ? 'R' : '.')).join('');
}

const RULE: AlertRule = {
  severity: 'warning',
  about: 'cloud',
  title: '',
  runbook: '',
  raiseAt: 10,
  clearAt: 4,
  raiseAfterMs: 0,
  clearAfterMs: 0,
};
const RAISED: Judged = { isRaised: true, turningSinceMs: null };

test('raised at one threshold, cleared at the other, and nothing in between changes it', () => {
  const table: [rule: Partial<AlertRule>, values: (number | null)[], from: Judged, expected: string][] = [
    [{}, [9, 10, 9, 5, 4, 5, 9], CALM, '.RRR...'],
    [{}, [9.99, 10], CALM, '.R'],
    [{}, [4.01, 4], RAISED, 'R.'],
    [{}, [7, 7, 7], CALM, '...'],
    [{}, [7, 7, 7], RAISED, 'RRR'],
    // Unknown keeps what is.
    [{}, [null, null], RAISED, 'RR'],
    [{}, [null, null], CALM, '..'],
    [{}, [12, null, 3], CALM, 'RR.'],
    // It must have been there for so long, without a break.
    [{ raiseAfterMs: 2_000 }, [10, 10, 10, 10], CALM, '..RR'],
    [{ raiseAfterMs: 2_000 }, [10, 9, 10, 10, 10], CALM, '....R'],
    [{ raiseAfterMs: 2_000 }, [10, null, 10, 10, 10], CALM, '....R'],
    [{ clearAfterMs: 1_000 }, [4, 5, 4, 4, 4], RAISED, 'RRR..'],
    // A figure that wavers around one threshold rings once.
    [{}, [10, 9, 10, 9, 10, 9], CALM, 'RRRRRR'],
  ];
  for (const [more, values, from, expected] of table)
    assert.equal(course({ ...RULE, ...more }, values, from), expected, JSON.stringify([more, values]));
});

test('every rule can be raised and cleared, and says what to do in one line', () => {
  assert(ALERT_KINDS.length >= 15);
  for (const kind of ALERT_KINDS) {
    const rule: AlertRule = ALERT_RULES[kind];
    assert.match(kind, /^[a-z]+(-[a-z]+)+$/);
    assert(rule.clearAt < rule.raiseAt, kind);
    assert(rule.clearAt >= 0, `${kind} could never be cleared`);
    assert(rule.title.length > 0 && rule.runbook.length > 20 && !rule.runbook.includes('\n'), kind);
    assert.equal(judgeFigure(rule, { isRaised: false, turningSinceMs: 0 }, rule.raiseAt, 3_600_000).isRaised, true);
    assert.equal(judgeFigure(rule, { isRaised: true, turningSinceMs: 0 }, 0, 3_600_000).isRaised, false);
  }
});
