/** What stands above every page: the product, the data's clock, the live badge, the range and what can be done with the page. */
import { charts } from '../charts/shown-charts.ts';
import { ExportItems } from '../charts/export-menu.tsx';
import { copy } from './clipboard.ts';
import { DataClock } from './data-clock.tsx';
import { DataLabel } from './data-label.tsx';
import { Icon } from './icons.tsx';
import { openDialog } from './keys.ts';
import { LiveBadge } from './live-badge.tsx';
import { useLocale } from './locale.ts';
import { Menu } from './menu.tsx';
import { usePageRange } from './page-range.ts';
import { addressOf, placeStore } from './place.ts';
import { ComparePicker, IconButton, RangePicker } from './range-picker.tsx';
import { rangeOf, withRange } from '../range-address.ts';
import { hasRange, routeOf } from './routes.ts';
import { useStore } from './store.ts';

export function Header() {
  const { t } = useLocale();
  const { path } = useStore(placeStore);
  const isRanged = hasRange(routeOf(path).page);
  return (
    <header class="masthead">
      <div class="masthead-row">
        <a class="brand" href={addressOf('/')}>
          <Mark />
          <span>
            <strong>Fogline</strong>
            <small>{t('shell.tagline')}</small>
          </span>
        </a>
        <DataLabel class="chip" />
        <DataClock />
        <LiveBadge />
        <div class="masthead-end">
          <IconButton icon="help" id="open-help" label={t('help.title')} onClick={() => openDialog.set('help')} />
          <IconButton icon="settings" id="open-settings" label={t('settings.title')} onClick={() => openDialog.set('settings')} />
        </div>
      </div>
      <div class="masthead-row tools">
        {isRanged && (
          <>
            <RangePicker />
            <ComparePicker />
            <PageExport />
          </>
        )}
        <CopyLink />
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M5 21h22M8 26h16" />
      <path d="M5 15.500c4 0 4-8.500 8-8.500s4 6 7 6 3-3.500 7-3.500" />
    </svg>
  );
}

/** The same chart in another browser: with the zone written out, because there another one may be chosen. */
function CopyLink() {
  const { t } = useLocale();
  const { zone } = usePageRange();
  const link = () => {
    const { path, query } = placeStore.get();
    const range = { ...rangeOf(new URLSearchParams(query)), tz: zone };
    const text = withRange(new URLSearchParams(query), range).toString();
    return `${location.origin}${path}?${text}`;
  };
  return (
    <button
      type="button"
      class="plain"
      id="copy-link"
      title={t('shell.copyLink')}
      onClick={() => void copy(link(), t('shell.linkCopied'), t('shell.notCopied'))}
    >
      <Icon name="link" />
      <span class="tool-name">{t('shell.copyLink')}</span>
    </button>
  );
}

function PageExport() {
  const { t } = useLocale();
  const shown = useStore(charts);
  const button = (
    <>
      <Icon name="export" />
      <span class="tool-name">{t('shell.export')}</span>
    </>
  );
  return (
    <Menu id="export" class="end" button={button} label={t('shell.export')}>
      {(close) => (
        <>
          <p class="lead">{t(shown.length === 0 ? 'shell.exportNone' : 'shell.exportNote')}</p>
          {shown.map((chart) => (
            <section key={chart.id} class="export-chart">
              <h3>{chart.title}</h3>
              {chart.items?.(close) ?? <ExportItems chart={chart} close={close} />}
            </section>
          ))}
        </>
      )}
    </Menu>
  );
}
