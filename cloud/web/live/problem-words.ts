/** Pure: a problem of the API in the reader's language: by what it says in particular, else by its kind with the API's own words. */
import type { ProblemDetailCode, ProblemKind, ProblemReply } from '../../server/api/api-types.ts';
import type { Formatter } from '../format.ts';
import type { Translate } from '../words/words.ts';
import { knownKey, type Told, told } from './told.ts';

export type ProblemSaid = Pick<ProblemReply, 'detail'> & Partial<Pick<ProblemReply, 'type' | 'figure'>>;

const TYPE = /^urn:fogline:problem:/;

export function problemTold({ type = '', detail, figure }: ProblemSaid, { t, f }: { t: Translate; f: Formatter }): Told {
  const key = knownKey(`problem.${figure?.code as ProblemDetailCode}`);
  if (figure === undefined || key === undefined) {
    return told(t, knownKey(`problem.kind.${type.replace(TYPE, '') as ProblemKind}`), { detail }, detail);
  }
  const { start } = figure.values;
  return told(t, key, start === undefined ? figure.values : { ...figure.values, start: f.dateTime(Date.parse(String(start))) }, detail);
}
