/** Pure: how an alert is told in the reader's language, and a household is named where there is little room. */
import type { AlertKind, AlertReply, DetailCode } from '../../server/api/api-types.ts';
import { type Translate, WORDS } from '../words/words.ts';

/** Ids of real households have 64 characters: the first ones tell them apart, the whole id stands in the details. */
const HOUSEHOLD_SHOWN_CHARACTERS = 8;
/** Names that people gave differ at their end (household-17): so long they stay whole. */
const HOUSEHOLD_WHOLE_CHARACTERS = 20;

export function shortHousehold(household: string): string {
  return household.length <= HOUSEHOLD_WHOLE_CHARACTERS ? household : `${household.slice(0, HOUSEHOLD_SHOWN_CHARACTERS)}…`;
}

export interface Told {
  text: string;
  /** The cloud's own words stand there, because these pages have none for them. */
  isEnglish: boolean;
}

/** What is raised, its figure (which names a household in full where the first does not), and what to do. */
export function alertWords(
  {
    alert,
    about,
    subject,
    title,
    detail,
    figure,
    runbook,
  }: Pick<AlertReply, 'alert' | 'about' | 'subject' | 'title' | 'detail' | 'figure' | 'runbook'>,
  t: Translate,
): { what: Told; figure: Told; todo: Told } {
  const shown = about === 'household' ? shortHousehold(subject) : subject;
  const fill = t as (key: string, values: Readonly<Record<string, string | number>>) => string;
  const told = (key: string | undefined, values: Readonly<Record<string, string | number>>, english: string): Told =>
    key === undefined ? { text: english, isEnglish: true } : { text: fill(key, values), isEnglish: false };
  const said = told(figureKey(figure?.code), figure?.values ?? {}, detail);
  const isNamed = shown === subject;
  return {
    what: told(titleKey(alert), { subject: shown }, `${`${about} ${shown}`.trim()} ${title}`),
    figure: isNamed ? said : { ...said, text: t('alert.ofHousehold', { figure: said.text, household: subject }) },
    todo: told(todoKey(alert), {}, runbook),
  };
}

/** A cloud of another version may have alerts and figures that these pages do not know. */
function known<Key extends keyof typeof WORDS>(key: Key): Key | undefined {
  return Object.hasOwn(WORDS, key) ? key : undefined;
}

const titleKey = (alert: string) => known(`alert.title.${alert as AlertKind}`);
const todoKey = (alert: string) => known(`alert.todo.${alert as AlertKind}`);
const figureKey = (code: string | undefined) => known(`alert.figure.${code as DetailCode}`);
