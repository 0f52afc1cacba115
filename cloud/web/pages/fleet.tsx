/** Edges: who is heard, who is not, since when and why; one of them in detail. */
import type { PageProps } from '../shell/page-props.ts';
import { EdgePage } from './fleet/edge-page.tsx';
import { FleetPage } from './fleet/fleet-page.tsx';
import './fleet/fleet.css';

export function Page({ id }: PageProps) {
  return id === undefined ? <FleetPage /> : <EdgePage id={id} />;
}
