/** Builds the page into dist/web: one HTML file, one script, one style sheet, nothing from another origin. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  logLevel: 'warn',
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // The page's policy allows no inline anything, so nothing is turned into a data: address.
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    rollupOptions: { input: ['index.html', 'login.html'].map((name) => fileURLToPath(new URL(name, import.meta.url))) },
  },
});
