/**
 * Pure: what is wrong with a request, for what can come of an address that a page was given, and of the store. A problem's `detail` is
 * this text; who words it in another language goes by the code and the values that are read of it.
 */
import { type Worded, WordedTexts } from '../../../common/worded.ts';

export const NOT_AN_ID = 'is not an id: up to 128 of A-Z a-z 0-9 _ -';
export const NOT_A_ZONE = 'is not a time zone: write its IANA name, e.g. Europe/Berlin or UTC';
export const NOT_A_TIME =
  'is not a time: write ISO-8601 with its zone, e.g. 2019-12-24T06:00:00Z, milliseconds since 1970, or now, latest, first with an offset ' +
  'as in latest-24h';
export const TIME_WITHOUT_ZONE =
  'has no zone, so it would mean another instant on every machine: write it with its zone, e.g. 2019-12-24T06:00:00Z or ' +
  '2019-12-24T07:00:00+01:00';

/** Those of one parameter begin with its name. */
export const PROBLEM_DETAILS = new WordedTexts(
  {
    'household-unknown': 'no household {household} is known; /api/v1/households lists those that are',
    'edge-unknown': 'no edge {edge} is known; /api/v1/edges lists those that are',
    'state-unknown': 'no state {state}: there are {states}',
    'field-unknown': 'no field {field} is stored; there are {fields}',
    'field-unknown-yet': 'no field {field} is stored; nothing is stored yet',
    'field-of-another': '{household} has no field {field}; /api/v1/households/:id/devices lists what it has',
    'series-field-unknown': '{series}: no field {field} is stored; there are {fields}',
    'series-field-unknown-yet': '{series}: no field {field} is stored; nothing is stored yet',
    'series-unknown': "{series} is not stored; /api/v1/households/:id/devices lists a household's",
    'some-series-unknown': '{n} of {asked} series are not stored: {names}; leave them out, or have them answered with nulls: unknown=null',
    'not-an-id': `{parameter} ${NOT_AN_ID}`,
    'not-a-zone': `{parameter} ${NOT_A_ZONE}`,
    'not-a-time': `{parameter} ${NOT_A_TIME}`,
    'time-without-zone': `{parameter} ${TIME_WITHOUT_ZONE}`,
    'from-after-to': '{parameter} lies after to: swap them',
    'over-a-year': '{parameter} lies more than a year before to: take a shorter range',
    'not-a-power': '{parameter} is not a power: a profile is made of a field in W',
    'too-many-buckets': '{parameter} {resolution} would give more than {most} buckets: take {coarser}, or a shorter range',
    'not-whole-windows':
      '{parameter} would not be whole windows of {seconds} s there, by the clocks of {zone}: take another resolution or zone',
    'too-many-numbers':
      '{parameter} would give {n} numbers, and one answer has no more than {most}: ask for fewer series, stats or buckets',
    'too-much-to-read': '{parameter} would read {n} buckets, one answer reads up to {most}: take a coarser resolution or shorter range',
    'part-damaged': 'the checksum of seqs {from} to {to} of {household}, {device}, window {start} does not hold; what to do: {remedy}',
    'bucket-damaged':
      'the checksum of the bucket from {start} of {household}, {device}, {field} does not hold, and its parts are damaged or deleted; ' +
      'what to do: {remedy}',
    forgotten: 'what is kept every {seconds} s begins at {start}, after {wanted}; what to do: {remedy}',
    'reads-wait': '{n} range queries wait already, which is all that may; ask again in a while',
    'streams-taken': 'all {n} live streams are taken; ask again in a while or poll /api/v1/states',
    'too-many-requests': 'more than {n} {what} in a minute: wait as long as Retry-After says',
    'server-fault': 'this is a fault of the server; its log says more. Asking again may work',
  },
  ['n', 'asked', 'most', 'seconds'],
);

export type ProblemDetailCode = (typeof PROBLEM_DETAILS.codes)[number];
export type ProblemDetail = Worded<ProblemDetailCode>;
