/** What a route says of itself: the server mounts it, and the document and the page /docs are made of it. */
import type { RequestHandler } from 'express';
import type { z } from 'zod';
import type { ApiParts } from './api-parts.ts';

export interface RouteWords {
  /** As express writes it, e.g. `/api/v1/households/:id`. */
  path: string;
  method?: 'get' | 'post';
  operationId: string;
  group: 'Data' | 'Places' | 'Fleet' | 'Live' | 'Operations' | 'Page';
  summary: string;
  description?: string;
  /** Schemas of the path's parameters by name. */
  params?: z.ZodObject;
  /** Of the query, as the route reads it. */
  query?: z.ZodObject;
  /** Body of the answer by content type. Null: text whose form the description tells. */
  replies: Readonly<Record<string, z.ZodType | null>>;
  /** Status of the answer when it is not 200. */
  status?: 303;
  /** Beside those that every route may answer. */
  problems?: readonly number[];
  /** Answers in plain text, by status. */
  texts?: Readonly<Record<number, string>>;
  /** A path with query that can be tried as it is. */
  example?: string;
  /** Answers also without a token, where one is demanded. */
  isOpen?: boolean;
}

export interface ApiRoute extends RouteWords {
  handler: (parts: ApiParts) => RequestHandler;
}
