/** The range of the page: presets, arrows, two inputs, and what it is compared with. */
import { useState } from 'preact/hooks';
import { PRESETS, presetOf, presetRange, withSpan } from '../range.ts';
import { COMPARES } from '../range-address.ts';
import { inputText, parseLocal } from '../zone-time.ts';
import { Icon } from './icons.tsx';
import { useLocale } from './locale.ts';
import { Menu } from './menu.tsx';
import { chooseRange, movePeriod, type PageRange, usePageRange, zoomBack } from './page-range.ts';
import { currentRange, goToRange } from './place.ts';

export function RangePicker() {
  const { t } = useLocale();
  const its = usePageRange();
  return (
    <div class="range" role="group" aria-label={t('range.title')}>
      {its.canZoomBack && <IconButton icon="zoomBack" label={t('range.zoomBack')} onClick={zoomBack} />}
      <IconButton icon="previous" label={t('range.previous')} onClick={() => movePeriod(-1)} />
      <Menu id="range" class="range-menu" button={<RangeButton its={its} />}>
        {(close) => <RangePanel its={its} close={close} />}
      </Menu>
      <IconButton icon="next" label={t('range.next')} onClick={() => movePeriod(1)} />
    </div>
  );
}

export function ComparePicker() {
  const { t } = useLocale();
  const { range } = usePageRange();
  return (
    <label class="compare">
      <Icon name="compare" />
      <span class="hidden">{t('range.compare')}</span>
      <select
        id="compare"
        value={range.compare}
        onChange={({ currentTarget }) => {
          const compare = COMPARES.find((one) => one === currentTarget.value) ?? 'none';
          goToRange({ ...currentRange(), compare });
        }}
      >
        {COMPARES.map((compare) => (
          <option key={compare} value={compare}>
            {t(`range.compare.${compare}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

function RangeButton({ its }: { its: PageRange }) {
  const { t, f } = useLocale();
  const { range, span, anchors, zone } = its;
  const preset = presetOf(range, anchors, zone);
  const isLatest = preset === '1h' || preset === '6h' || preset === '24h';
  const name = preset === undefined ? '' : isLatest ? t('range.latest', { length: t(`range.${preset}`) }) : t(`range.${preset}`);
  return (
    <>
      <Icon name="calendar" />
      <span class="range-words">
        {name !== '' && <strong>{name}</strong>}
        <span id="range-span">{span === null ? t('range.unknown') : f.span(span.fromMs, span.toMs)}</span>
      </span>
      <Icon name="down" />
    </>
  );
}

function RangePanel({ its, close }: { its: PageRange; close: () => void }) {
  const { t } = useLocale();
  const { range, anchors, zone } = its;
  const current = presetOf(range, anchors, zone);
  return (
    <>
      <div class="presets">
        {PRESETS.map((preset) => {
          const target = presetRange(preset, range, anchors, zone);
          return (
            <button
              key={preset}
              type="button"
              data-preset={preset}
              aria-pressed={preset === current}
              disabled={target === null}
              onClick={() => {
                if (target !== null) chooseRange(target);
                close();
              }}
            >
              {t(`range.${preset}`)}
            </button>
          );
        })}
      </div>
      <p class="lead">{t('range.todayNote')}</p>
      <SpanForm key={`${range.from} ${range.to} ${zone}`} its={its} close={close} />
    </>
  );
}

function SpanForm({ its, close }: { its: PageRange; close: () => void }) {
  const { t, f } = useLocale();
  const { range, span, zone } = its;
  const [from, setFrom] = useState(span === null ? '' : inputText(span.fromMs, zone));
  const [to, setTo] = useState(span === null ? '' : inputText(span.toMs, zone));
  const fromMs = parseLocal(from, zone);
  const toMs = parseLocal(to, zone);
  const isGood = fromMs !== undefined && toMs !== undefined && fromMs < toMs;
  return (
    <form
      class="span-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isGood) return;
        chooseRange(withSpan(range, { fromMs, toMs }));
        close();
      }}
    >
      <label>
        <span>{t('range.from')}</span>
        <input type="datetime-local" id="range-from" value={from} onInput={({ currentTarget }) => setFrom(currentTarget.value)} />
      </label>
      <label>
        <span>{t('range.to')}</span>
        <input type="datetime-local" id="range-to" value={to} onInput={({ currentTarget }) => setTo(currentTarget.value)} />
      </label>
      <div class="span-end">
        <span class="lead">{isGood || from === '' || to === '' ? f.zone : t('range.bad')}</span>
        <button type="submit" class="primary" disabled={!isGood}>
          {t('range.apply')}
        </button>
      </div>
    </form>
  );
}

export function IconButton(props: {
  icon: Parameters<typeof Icon>[0]['name'];
  label: string;
  onClick: () => void;
  id?: string;
  class?: string;
}) {
  const { icon, label, onClick, id, class: look = 'quiet' } = props;
  return (
    <button type="button" class={look} aria-label={label} title={label} onClick={onClick} {...(id === undefined ? {} : { id })}>
      <Icon name={icon} />
    </button>
  );
}
