/** Where windows are missing between two that are there: from, to, length, reason. Nothing is filled in for them. */
import { useMemo } from 'preact/hooks';
import type { GapReply, ProfileReply } from '../../../server/api/api-types.ts';
import { Failure } from '../../charts/chart-states.tsx';
import { usePages } from '../../data/use-pages.ts';
import { DataTable } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { usePageRange, zoomTo } from '../../shell/page-range.ts';
import { fixedRange } from './fixed-range.ts';

const ROWS_AT_ONCE = 50;
/** Shown of the time around a gap, on each side, as a share of its length. */
const MARGIN_SHARE = 0.5;
const MARGIN_MS_MIN = 60_000;

interface GapsCardProps {
  household: string;
  /** Of the same range; undefined where there is none. */
  profile: ProfileReply | undefined;
  /** It may still come. */
  isWaiting: boolean;
}

export function GapsCard(props: GapsCardProps) {
  const locale = useLocale();
  const { t, f } = locale;
  const address = useAddress(props);
  const { rows, hasMore, isLoading, failure, more } = usePages<GapReply>(address, (reply) => reply['gaps'] as GapReply[]);
  const titles = [t('households.gapFrom'), t('households.gapTo'), t('households.gapLength'), t('households.gapReason')];
  return (
    <section class="card" aria-labelledby="gaps-title">
      <div class="card-head">
        <div>
          <h2 id="gaps-title">{t('households.gapsTitle')}</h2>
          <p class="lead">{t('households.gapsNote')}</p>
        </div>
      </div>
      {failure !== undefined && <Failure failure={failure} retry={more} />}
      {rows?.length === 0 && <p class="lead">{t('households.gapsNone')}</p>}
      {rows !== undefined && rows.length > 0 && (
        <DataTable
          id="gaps-table"
          columns={[...titles, t('households.device'), t('households.gapShow')].map((title) => ({ title }))}
          rows={rows.map((gap) => ({
            key: `${gap.device} ${gap.from}`,
            cells: [
              f.dateTime(Date.parse(gap.from)),
              f.dateTime(Date.parse(gap.to)),
              gap.exact ? f.lapse(gap.seconds) : t('households.gapInexact', { length: f.lapse(gap.seconds) }),
              reasonText(gap, locale),
              gap.device,
              { text: '', content: <ShowGap gap={gap} /> },
            ],
          }))}
        />
      )}
      {rows?.some(({ exact }) => !exact) === true && <p class="lead">{t('households.gapInexactNote')}</p>}
      {(hasMore || (isLoading && rows === undefined)) && (
        <button type="button" disabled={isLoading} onClick={more}>
          {t(isLoading ? 'shell.loading' : 'households.more')}
        </button>
      )}
    </section>
  );
}

/** Changes with the range and with the number of gaps, not with every window: the reader may have asked for more of the list. */
function useAddress({ household, profile, isWaiting }: GapsCardProps): string | null {
  const { range, span } = usePageRange();
  const key = [household, range.from, range.to, profile?.gapCount, profile?.gapSeconds, profile === undefined && isWaiting, span === null];
  return useMemo(() => {
    if (profile === undefined && isWaiting) return null;
    const fixed = profile === undefined ? fixedRange(range, span) : { from: profile.from, to: profile.to };
    const query = fixed === null ? null : new URLSearchParams({ ...fixed, limit: String(ROWS_AT_ONCE) });
    return query === null ? null : `/api/v1/households/${encodeURIComponent(household)}/gaps?${query}`;
  }, key);
}

function ShowGap({ gap }: { gap: GapReply }) {
  const { t, f } = useLocale();
  const [fromMs, toMs] = [Date.parse(gap.from), Date.parse(gap.to)];
  const marginMs = Math.max(MARGIN_MS_MIN, (toMs - fromMs) * MARGIN_SHARE);
  return (
    <button
      type="button"
      aria-label={t('households.gapShowThis', { time: f.dateTime(fromMs) })}
      onClick={() => {
        zoomTo({ fromMs: fromMs - marginMs, toMs: toMs + marginMs });
        // The list stands far below the picture.
        document.querySelector('main .time-chart')?.scrollIntoView({ block: 'center' });
      }}
    >
      {t('households.gapShow')}
    </button>
  );
}

/** The usual reason in the reader's words; what an edge declared is its own text. Of windows that were forgotten it is not known. */
function reasonText({ reason, declared, exact }: GapReply, { t }: Locale): string {
  const its = reason === 'no readings' ? t(exact ? 'households.noReadings' : 'households.gapReasonUnknown') : reason;
  return declared === 0 ? its : `${its}, ${t('households.gapDeclared', { n: declared })}`;
}
