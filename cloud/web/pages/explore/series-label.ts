/** What a series is called; the reference itself has a household's whole id. */
import type { Formatter } from '../../format.ts';
import { shortHousehold } from '../../live/alert-words.ts';
import { stateName } from '../../words/state-names.ts';
import type { Translate } from '../../words/words.ts';
import { partsOf } from './choice.ts';

export type LabelOf = (ref: string) => string;

export function labelsFor({ t, f }: { t: Translate; f: Formatter }): LabelOf {
  return (ref) => {
    const { kind, whose, device, field } = partsOf(ref);
    const subject = kind === 'all' ? t('explore.all') : kind === 'state' ? stateName(whose, f.language) : shortHousehold(whose);
    return device === '' ? `${subject} · ${field}` : `${subject} / ${device} · ${field}`;
  };
}
