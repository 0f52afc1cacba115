/** Body of every error, application/problem+json (RFC 9457). */
import { z } from 'zod';
import { PROBLEM_DETAILS } from '../problem-details.ts';
import { figureOf } from './figure.ts';

/** Each kind of problem; clients may look at it instead of the words. */
export const PROBLEM_KINDS = [
  'bad-parameter',
  'bad-request',
  'busy',
  'damaged',
  'forgotten',
  'internal',
  'method-not-allowed',
  'no-token',
  'no-such-edge',
  'no-such-field',
  'no-such-household',
  'no-such-series',
  'no-such-state',
  'not-found',
  'page-not-built',
  'store-unavailable',
  'too-large',
  'too-many-requests',
  'unsupported-media-type',
  'wrong-host',
  'wrong-origin',
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

export const problemError = z
  .object({
    parameter: z.string().optional().meta({ description: 'The parameter of the query that is wrong' }),
    pointer: z.string().optional().meta({ description: 'Where in the address or body it is wrong, as a JSON pointer' }),
    detail: z.string(),
  })
  .meta({ id: 'ProblemError', description: 'One thing that is wrong with a request; has `parameter` or `pointer`' });

export const problemReply = z
  .object({
    type: z
      .string()
      .regex(/^urn:fogline:problem:/)
      .meta({ description: `urn:fogline:problem: and one of ${PROBLEM_KINDS.join(', ')}` }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'What is wrong and how to mend it' }),
    figure: figureOf(PROBLEM_DETAILS.codes, 'from-after-to')
      .optional()
      .meta({ description: '`detail` for who words it in another language; not there where `type` alone says what it is' }),
    instance: z.string().meta({ description: 'The path asked for' }),
    errors: z.array(problemError).optional(),
  })
  .meta({
    id: 'Problem',
    description: 'Body of every error (RFC 9457)',
    example: {
      type: 'urn:fogline:problem:bad-parameter',
      title: 'Bad Request',
      status: 400,
      detail: 'from is not a time: write a time with its zone, e.g. 2019-12-24T06:00:00Z',
      instance: '/api/v1/series',
      errors: [{ parameter: 'from', detail: 'is not a time: write a time with its zone, e.g. 2019-12-24T06:00:00Z' }],
    },
  });
