/** Households of one edge: those that are held back or wait first, with the reason. */
import type { EdgeDetailReply, EdgeReply } from '../../../server/api/api-types.ts';
import { NO_VALUE } from '../../format.ts';
import { shortHousehold } from '../../live/alert-words.ts';
import { parkedTold } from '../../live/told.ts';
import { DataTable, type Row } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { toldCell } from '../../shell/told-text.tsx';

const HOUSEHOLDS_SHOWN = 50;

export function HouseholdsCard({ edge, detail }: { edge: EdgeReply; detail: EdgeDetailReply }) {
  const locale = useLocale();
  const { t } = locale;
  const rows = rowsOf(edge, detail, locale);
  const all = edge.parkedCount + edge.waitingCount + detail.ownedCount - rows.owned;
  const shown = rows.rows.slice(0, HOUSEHOLDS_SHOWN);
  return (
    <section class="card" aria-labelledby="households-title">
      <div class="card-head">
        <div>
          <h2 id="households-title">{t('fleet.households')}</h2>
          <p class="lead">{t('fleet.householdsLead', { n: detail.ownedCount })}</p>
        </div>
      </div>
      {shown.length > 0 && (
        <DataTable
          id="edge-households"
          columns={[t('fleet.household'), t('fleet.state'), t('fleet.reason')].map((title) => ({ title }))}
          rows={shown}
        />
      )}
      {all > shown.length && <p class="lead">{t('fleet.more', { n: all - shown.length })}</p>}
    </section>
  );
}

function Named({ household }: { household: string }) {
  return (
    <a href={addressOf(`/households/${encodeURIComponent(household)}`)} title={household}>
      {shortHousehold(household)}
    </a>
  );
}

/** `owned` tells how many of the first ones are among those owned, and must not be counted twice. */
function rowsOf({ parked, waitingFor }: EdgeReply, { owned }: EdgeDetailReply, { t }: Locale): { rows: Row[]; owned: number } {
  const troubled = new Set([...parked.map(({ household }) => household), ...waitingFor]);
  const row = (household: string, state: string, words: string, reason: Row['cells'][number]): Row => ({
    key: household,
    state,
    cells: [{ text: household, content: <Named household={household} /> }, words, reason],
  });
  const rows = [
    ...parked.map(({ household, reason, figure }) => row(household, 'parked', t('fleet.parked'), toldCell(parkedTold(t, reason, figure)))),
    ...waitingFor.map((household) => row(household, 'waiting', t('fleet.waiting'), NO_VALUE)),
    ...owned.filter((household) => !troubled.has(household)).map((household) => row(household, 'well', t('fleet.well'), NO_VALUE)),
  ];
  return { rows, owned: owned.filter((household) => troubled.has(household)).length };
}
