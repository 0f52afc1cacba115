/** Pure: how an alert is told in the reader's language, and a household is named where there is little room. */
import type { AlertKind, AlertReply, DetailCode } from '../../server/api/api-types.ts';
import type { Translate } from '../words/words.ts';
import { knownKey, parkedTold, type Told, told, toldText } from './told.ts';

/** Ids of real households have 64 characters: the first ones tell them apart, the whole id stands in the details. */
const HOUSEHOLD_SHOWN_CHARACTERS = 8;
/** Names that people gave differ at their end (household-17): so long they stay whole. */
const HOUSEHOLD_WHOLE_CHARACTERS = 20;

export function shortHousehold(household: string): string {
  return household.length <= HOUSEHOLD_WHOLE_CHARACTERS ? household : `${household.slice(0, HOUSEHOLD_SHOWN_CHARACTERS)}…`;
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
  const reason = figure?.reason === undefined ? undefined : parkedTold(t, '', figure.reason);
  const said = told(t, figureKey(figure?.code), figure?.values ?? {}, detail, reason);
  const isNamed = shown === subject;
  return {
    what: told(t, titleKey(alert), { subject: shown }, `${`${about} ${shown}`.trim()} ${title}`),
    figure: isNamed ? said : { ...said, text: t('alert.ofHousehold', { figure: toldText(said), household: subject }) },
    todo: told(t, todoKey(alert), {}, runbook),
  };
}

const titleKey = (alert: string) => knownKey(`alert.title.${alert as AlertKind}`);
const todoKey = (alert: string) => knownKey(`alert.todo.${alert as AlertKind}`);
const figureKey = (code: string | undefined) => knownKey(`alert.figure.${code as DetailCode}`);
