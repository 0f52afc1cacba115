/** The states on a map, ranked and as a table; one of them with the hours of its days and its households. */
import type { PageProps } from '../shell/page-props.ts';
import { AllStates } from './states/all-states.tsx';
import { OneState } from './states/one-state.tsx';
import './states/states.css';

export function Page({ id }: PageProps) {
  return id === undefined ? <AllStates /> : <OneState code={id} />;
}
