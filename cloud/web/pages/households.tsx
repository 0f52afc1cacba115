/** Households: the list of them, or one with everything that is known of it. */
import type { PageProps } from '../shell/page-props.ts';
import { HouseholdList } from './households/list.tsx';
import { OneHousehold } from './households/one-household.tsx';
import './households/households.css';

export function Page({ id }: PageProps) {
  return id === undefined ? <HouseholdList /> : <OneHousehold household={id} />;
}
