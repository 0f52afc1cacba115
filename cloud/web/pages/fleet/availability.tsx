/** The bar of an edge's time, like that of a status page: each slot shows how much of it was heard, late, silent or without a cloud. */
import type { AvailabilityReply } from '../../../server/api/api-types.ts';
import { Figure } from '../../shell/figure.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import { addressOf } from '../../shell/place.ts';
import { useSlotCursor } from './slot-cursor.ts';

type EdgeAvailability = AvailabilityReply['edges'][number];
type Slot = EdgeAvailability['slots'][number];

/** A second of silence in a slot of a quarter of an hour is seen too. */
const LEAST_SHARE = 0.18;
const KINDS = ['heard', 'lateTime', 'silentTime', 'cloudTime', 'unknownTime'] as const;

export function BarLegend() {
  const { t } = useLocale();
  return (
    <ul class="bar-legend">
      {KINDS.map((kind) => (
        <li key={kind}>
          <i class={kind} aria-hidden="true" />
          {t(`fleet.${kind}`)}
        </li>
      ))}
    </ul>
  );
}

export function AvailabilityRow({
  availability,
  reply,
  isLinked = false,
}: {
  availability: EdgeAvailability;
  reply: Pick<AvailabilityReply, 'slotSeconds' | 'to'>;
  isLinked?: boolean;
}) {
  const locale = useLocale();
  const { t, f } = locale;
  const { edge, upShare, slots, outages, mtbfSeconds, cloudDownSeconds } = availability;
  const { index, handlers } = useSlotCursor(slots.length);
  const slot = index === undefined ? undefined : slots[index];
  const words = (its: Slot | undefined) => (its === undefined ? '' : slotWords(its, reply, locale));
  return (
    <div class="availability-row">
      <p class="availability-name">{isLinked ? <a href={addressOf(`/fleet/${encodeURIComponent(edge)}`)}>{edge}</a> : t('fleet.heard')}</p>
      <p class="availability-share">
        <Figure text={f.percent(upShare, 2)} />
      </p>
      <div
        class="bar"
        role="slider"
        tabIndex={0}
        aria-label={t('fleet.bar', { edge })}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, slots.length - 1)}
        aria-valuenow={index ?? Math.max(0, slots.length - 1)}
        aria-valuetext={words(slot ?? slots.at(-1))}
        {...handlers}
      >
        <Bar slots={slots} active={index} />
      </div>
      <p class="lead availability-words">
        {slot === undefined ? (
          <>
            <span>{t('fleet.silences', { n: outages })}</span>
            {mtbfSeconds !== null && <span title={t('fleet.mtbfTitle')}>{t('fleet.mtbf', { time: f.duration(mtbfSeconds) })}</span>}
            {cloudDownSeconds > 0 && <span>{t('fleet.cloudAway', { time: f.duration(cloudDownSeconds) })}</span>}
          </>
        ) : (
          <span>{words(slot)}</span>
        )}
      </p>
    </div>
  );
}

function slotWords(slot: Slot, { slotSeconds, to }: Pick<AvailabilityReply, 'slotSeconds' | 'to'>, { t, f }: Locale): string {
  const fromMs = Date.parse(slot.start);
  const toMs = Math.min(fromMs + slotSeconds * 1_000, Date.parse(to));
  const words: string[] = [];
  if (slot.upShare !== null) words.push(t('fleet.slotHeard', { share: f.percent(slot.upShare) }));
  if ((slot.lateShare ?? 0) > 0) words.push(t('fleet.slotLate', { share: f.percent(slot.lateShare) }));
  if ((slot.cloudDownShare ?? 0) > 0) words.push(t('fleet.slotCloud', { share: f.percent(slot.cloudDownShare) }));
  return `${f.span(fromMs, toMs)}: ${words.length === 0 ? t('fleet.unknownTime') : words.join(', ')}`;
}

function Bar({ slots, active }: { slots: readonly Slot[]; active: number | undefined }) {
  return (
    <svg viewBox={`0 0 ${Math.max(1, slots.length)} 1`} preserveAspectRatio="none" aria-hidden="true">
      {slots.map((slot, index) => (
        <g key={slot.start} class={index === active ? 'active' : ''}>
          {partsOf(slot).map(({ kind, from, share }) => (
            <rect key={kind} class={kind} x={index + 0.08} width={0.84} y={1 - from - share} height={share} />
          ))}
        </g>
      ))}
    </svg>
  );
}

/** From the bottom: silent, late, without a cloud, heard. */
function partsOf(slot: Slot): { kind: (typeof KINDS)[number]; from: number; share: number }[] {
  if (slot.cloudDownShare === null) return [{ kind: 'unknownTime', from: 0, share: 0.12 }];
  const counted = 1 - slot.cloudDownShare;
  const silent = slot.upShare === null ? 0 : (1 - slot.upShare) * counted;
  const wanted = [
    { kind: 'silentTime', share: silent },
    { kind: 'lateTime', share: (slot.lateShare ?? 0) * counted },
    { kind: 'cloudTime', share: slot.cloudDownShare },
  ] as const;
  let from = 0;
  const parts: { kind: (typeof KINDS)[number]; from: number; share: number }[] = [];
  for (const { kind, share } of wanted) {
    if (share <= 0) continue;
    const drawn = Math.min(1 - from, Math.max(share, LEAST_SHARE));
    parts.push({ kind, from, share: drawn });
    from += drawn;
  }
  return from < 1 ? [...parts, { kind: 'heard', from, share: 1 - from }] : parts;
}
