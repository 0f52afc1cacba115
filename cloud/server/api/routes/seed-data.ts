/**
 * GET /api/data: the shape that older clients of the dashboard read, an unordered array of
 * `{"cityName","cost","key","powerAverage"}`, here with true values:
 *
 * - one entry per household instead of one per stored tuple; `key` is the household's id, so it is stable
 * - `cityName` is the name of the household's state, the same in every answer
 * - `powerAverage` is the mean of its newest power window, in W (older servers gave mW)
 * - `cost` is what a year at this power costs, in EUR: W × 8.76 × price (older servers multiplied mW by the price)
 */
import { z } from 'zod';
import { annualKwh } from '../../../../common/units.ts';
import type { ApiRoute } from '../api-route.ts';
import type { SeedDataRow } from '../api-types.ts';
import { seedDataRow } from '../schemas/seed-data.ts';

/** Entries of one answer; the shape has no place for a cursor. */
export const SEED_ROWS_MAX = 10_000;

export const SEED_DATA: ApiRoute = {
  path: '/api/data',
  operationId: 'getSeedData',
  group: 'Data',
  summary: 'Newest power of each household, in the shape that older clients of the dashboard read',
  description: `The first ${SEED_ROWS_MAX} households that have power.`,
  replies: { 'application/json': z.array(seedDataRow) },
  example: '/api/data',
  handler:
    ({ overview, settings, stateNames }) =>
    async (_request, response) => {
      const { households, powers } = await overview.current();
      const rows: SeedDataRow[] = [];
      for (const [household, { powerW }] of powers) {
        const state = households.get(household)?.state;
        if (state === undefined) continue;
        rows.push({
          cityName: stateNames.get(state) ?? state,
          cost: annualKwh(powerW) * settings.priceEurPerKwh,
          key: household,
          powerAverage: powerW,
        });
        if (rows.length === SEED_ROWS_MAX) break;
      }
      response.json(rows);
    },
};
