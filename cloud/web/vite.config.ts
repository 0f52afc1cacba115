/**
 * Builds the pages into dist/web: one document for all addresses, and one for each page that names that page's scripts and styles, so
 * that a browser asks for all of them at once instead of finding one in the other. A script per page, nothing from another origin.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { defineConfig, type Plugin, type Rollup } from 'vite';

const DOCUMENT = 'index.html';
/** Asks before the page's script is there. */
const FIRST = 'first-question.ts';
const EXPLORER = 'pages/explore/(choice|question|explore-table)';
/**
 * What every page needs, in two files: each file more is a question more before the picture. The first holds all that early questions are
 * made of, and no more.
 */
const SHARED = [
  {
    name: 'first',
    test: new RegExp(
      `common/units|web/(first-question|page-clock|range-address|data/(early|series)|shell/(kept-settings|routes)|${EXPLORER})\\.ts`,
    ),
    priority: 2,
  },
  {
    name: 'frame',
    test: /node_modules\/(preact|luxon)\/|web\/(main|format|range|zone-time|shell\/|live\/|words\/|data\/|charts\/chart-states)/,
    priority: 1,
  },
];
const inputs = [DOCUMENT, 'login.html', FIRST];

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [pageDocuments(), packed()],
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // The pages' policy allows no inline anything, so nothing is turned into a data: address.
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    rollupOptions: {
      input: inputs.map((name) => fileURLToPath(new URL(name, import.meta.url))),
      // A slow machine would be told of it at every build.
      checks: { bundlerTimings: false, pluginTimings: false },
      preserveEntrySignatures: 'allow-extension',
      output: { codeSplitting: { groups: [...SHARED] } },
    },
  },
});

function pageDocuments(): Plugin {
  return {
    name: 'page-documents',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const document = bundle[DOCUMENT];
        if (document?.type !== 'asset') throw new Error(`the build made no ${DOCUMENT}`);
        const chunks = Object.values(bundle).filter((its): its is Rollup.OutputChunk => its.type === 'chunk');
        const first = chunks.find(({ facadeModuleId: its }) => its?.endsWith(`/${FIRST}`));
        if (first === undefined) throw new Error(`the build made nothing of ${FIRST}`);
        for (const chunk of chunks) {
          const page = /\/pages\/([a-z]+)\.tsx$/.exec(chunk.facadeModuleId ?? '')?.[1];
          if (page === undefined || !chunk.isDynamicEntry) continue;
          const html = String(document.source).replace(scriptOf(first), '');
          const source = withLinks(html, linksFor(chunk, first, bundle));
          this.emitFile({ type: 'asset', fileName: `${page}.html`, source });
        }
      },
    },
  };
}

/** As the bundler names it in the document, which would run it in its turn. */
function scriptOf({ fileName }: Rollup.OutputChunk): RegExp {
  return new RegExp(`<script[^>]* src="/${fileName}"></script>\\s*`);
}

/** Below it a packet is no smaller. */
const PACK_FROM_BYTES = 1_024;
/** Nearly the smallest, in a tenth of the time. */
const PACK_QUALITY = 9;

/** Scripts and styles packed beside themselves, so that the server does not pack them anew for every reader. */
function packed(): Plugin {
  return {
    name: 'packed',
    writeBundle({ dir = '' }, bundle) {
      for (const name of Object.keys(bundle).filter((its) => /\.(js|css)$/.test(its))) {
        const bytes = readFileSync(join(dir, name));
        if (bytes.length < PACK_FROM_BYTES) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: PACK_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(bytes, { params }));
      }
    },
  };
}

/** Scripts before the document's own; styles after its own, over which those of the page go. */
function withLinks(html: string, { scripts, styles }: Links): string {
  const [own, end] = [html.indexOf('<script type="module"'), html.indexOf('</head>')];
  if (own < 0 || end < own) throw new Error(`${DOCUMENT} has no script in its head`);
  const lines = (links: readonly string[]) => links.map((link) => `${link}\n    `).join('');
  return `${html.slice(0, own)}${lines(scripts)}${html.slice(own, end).trimEnd()}\n    ${lines(styles).trimEnd()}\n  ${html.slice(end)}`;
}

interface Links {
  scripts: string[];
  styles: string[];
}

/** @param first is run as soon as it is there, before all the others */
function linksFor(page: Rollup.OutputChunk, first: Rollup.OutputChunk, bundle: Rollup.OutputBundle): Links {
  const needed = new Set<string>();
  const add = (name: string): void => {
    const chunk = bundle[name];
    if (chunk?.type !== 'chunk' || chunk === first || needed.has(name)) return;
    needed.add(name);
    for (const its of chunk.imports) add(its);
  };
  add(page.fileName);
  const styles = page.viteMetadata === undefined ? [] : [...page.viteMetadata.importedCss];
  return {
    scripts: [
      `<script type="module" async fetchpriority="high" crossorigin src="/${first.fileName}"></script>`,
      ...[...needed].map((name) => `<link rel="modulepreload" crossorigin href="/${name}">`),
    ],
    styles: styles.map((name) => `<link rel="stylesheet" crossorigin href="/${name}">`),
  };
}
