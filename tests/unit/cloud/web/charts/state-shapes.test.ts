import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATE_NAMES } from '../../../../../cloud/server/postal-codes.ts';
import { STATE_SHAPES, type StateShape } from '../../../../../cloud/web/charts/state-shapes.ts';

/** Degrees: over a country of this size the plane is near enough. */
type Place = readonly [longitude: number, latitude: number];

/** Outlines and holes alike. */
function ringsOf({ geometry }: StateShape['feature']): Place[][] {
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
  return polygons.flat().map((ring) => ring.map(([longitude = NaN, latitude = NaN]): Place => [longitude, latitude]));
}

/** A line from there to the north crosses the rings an odd number of times. */
function holds(shape: StateShape['feature'], [longitude, latitude]: Place): boolean {
  let isInside = false;
  for (const ring of ringsOf(shape)) {
    for (const [i, [x, y]] of ring.entries()) {
      const [beforeX, beforeY] = ring.at(i - 1) as Place;
      if (x > longitude === beforeX > longitude) continue;
      if (y + ((longitude - x) / (beforeX - x)) * (beforeY - y) > latitude) isInside = !isInside;
    }
  }
  return isInside;
}

test('16 shapes with the codes of the API, each once', () => {
  assert.equal(STATE_SHAPES.length, 16);
  assert.deepEqual(STATE_SHAPES.map(({ code }) => code).sort(), [...STATE_NAMES.keys()].sort());
});

test('every shape lies in Germany', () => {
  for (const { code, feature } of STATE_SHAPES) {
    const places = ringsOf(feature).flat();
    assert(places.length > 20, code);
    const outside = places.filter(([longitude, latitude]) => !(longitude > 5 && longitude < 16 && latitude > 47 && latitude < 56));
    assert.deepEqual(outside, [], code);
  }
});

test('a state is where it is: its capital lies in it', () => {
  const capitals: [code: string, longitude: number, latitude: number][] = [
    ['DE-BY', 11.58, 48.14],
    ['DE-BB', 13.06, 52.4],
    ['DE-SN', 13.74, 51.05],
    ['DE-HE', 8.24, 50.08],
    ['DE-NW', 6.78, 51.23],
    ['DE-MV', 11.41, 53.63],
  ];
  for (const [code, longitude, latitude] of capitals) {
    const holders = STATE_SHAPES.filter(({ feature }) => holds(feature, [longitude, latitude])).map((its) => its.code);
    assert.deepEqual(holders, [code]);
  }
});

test('a place outside the country lies in no state', () => {
  for (const place of [
    [2.35, 48.86],
    [16.37, 48.21],
  ] satisfies Place[])
    assert.equal(
      STATE_SHAPES.some(({ feature }) => holds(feature, place)),
      false,
    );
});

test('what lies inside another state is drawn after it: Berlin would be hidden otherwise', () => {
  const place = (code: string) => STATE_SHAPES.findIndex((its) => its.code === code);
  assert(place('DE-BE') > place('DE-BB'));
  assert(place('DE-HB') > place('DE-NI'));
});
