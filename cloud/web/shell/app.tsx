/** The frame of every page. */
import { Announcer } from './announcer.tsx';
import { useDataLabel } from './data-label.tsx';
import { Header } from './header.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { openDialog } from './keys.ts';
import { LazyPage } from './lazy-page.tsx';
import { useLocale } from './locale.ts';
import { Navigation } from './navigation.tsx';
import { Notice } from './notice.tsx';
import { SettingsDialog } from './settings-dialog.tsx';
import { useStore } from './store.ts';

export function App() {
  const { t } = useLocale();
  const dialog = useStore(openDialog);
  const close = () => openDialog.set(null);
  return (
    <>
      <a class="skip" href="#content">
        {t('shell.skip')}
      </a>
      <Header />
      <Navigation />
      <main id="content" tabIndex={-1}>
        <Notice />
        <LazyPage />
        <Footer />
      </main>
      <Announcer />
      {dialog === 'help' && <HelpDialog onClose={close} />}
      {dialog === 'settings' && <SettingsDialog onClose={close} />}
    </>
  );
}

function Footer() {
  const { t, f } = useLocale();
  const label = useDataLabel();
  const provenance = label === '' ? '' : `${t('shell.provenance', { label })} `;
  return (
    <footer>
      <p id="provenance">{provenance + t('shell.zoneNote', { zone: f.zone })}</p>
      <nav aria-label={t('shell.footApi')}>
        <a href="/docs">{t('shell.footApi')}</a>
        <a href="/api/v1/export?field=power&resolution=1h" download="">
          {t('shell.footExport')}
        </a>
        <a href="/api/v1/events">{t('shell.footEvents')}</a>
        <a href="/metrics">{t('shell.footMetrics')}</a>
      </nav>
    </footer>
  );
}
