/** What is explored, read from the address and put there. */
import { useMemo } from 'preact/hooks';
import { goToQuery, placeStore } from '../../shell/place.ts';
import { useStore } from '../../shell/store.ts';
import { type Choice, choiceOf, queryFor } from './choice.ts';

export function useChoice(): Choice {
  const { query } = useStore(placeStore);
  const parameters = new URLSearchParams(query);
  const key = ['series', 'hidden', 'stat', 'stack', 'norm', 'view'].map((name) => parameters.get(name) ?? '').join(' ');
  return useMemo(() => choiceOf(parameters), [key, parameters.has('series')]);
}

/** Every change is a step to go back to. */
export function change(its: Partial<Choice>): void {
  goToQuery(queryFor(its));
}
