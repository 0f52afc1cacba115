/**
 * The walls and habits of docs/STYLE.md, checked on the text of all files: `node --import tsx scripts/tidy.ts`.
 * Every message says what to use instead. tests/unit/scripts/tidy.test.ts runs it as an ordinary test.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blankText } from './source-text.ts';
import { checkImports, type Source, sourceOf } from './tidy-imports.ts';
import { checkAnyText, checkCode } from './tidy-text.ts';

/**
 * @param files text by path from the repository's top, with `/`
 * @returns `path:line: message`, empty when everything is tidy
 */
export function tidy(files: ReadonlyMap<string, string>): string[] {
  const messages: string[] = [];
  const report = (path: string, line: number, message: string) => messages.push(`${path}:${line}: ${message}`);
  const sources = new Map<string, Source>();
  for (const [path, text] of files) {
    checkAnyText(path, text, report);
    if (!/\.(tsx?|mjs)$/.test(path)) continue;
    const blanked = blankText(path.endsWith('.tsx') ? withoutSlashes(text) : text);
    checkCode(path, text, blanked, report);
    if (/\.tsx?$/.test(path)) sources.set(path, sourceOf(path, text, blanked));
  }
  checkImports(sources, report);
  return messages;
}

/** The slashes of `</p>` and `<br />` begin no regular expression. Positions stay. */
function withoutSlashes(markup: string): string {
  return markup.replace(/<\/|\/>/g, (tag) => (tag === '</' ? '<_' : '_>'));
}

const NOT_OURS = /^(node_modules|dist[^/]*|release|\.git|\.fogline|data\/sample|package-lock\.json)(\/|$)|\.log$/;
const TEXT = /\.(tsx?|mjs|js|json|md|html|css|svg|ini|yml|yaml|tf|toml|sh|py|csv|npmrc)$|^\.ci\/|(^|\/)Dockerfile$/;

/** All text files of the repository. */
export function repositoryFiles(): Map<string, string> {
  const top = fileURLToPath(new URL('..', import.meta.url));
  const files = new Map<string, string>();
  const walk = (folder: string) => {
    for (const entry of readdirSync(join(top, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (NOT_OURS.test(path)) continue;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && TEXT.test(path)) files.set(path, readFileSync(join(top, path), 'utf8'));
    }
  };
  walk('');
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const messages = tidy(repositoryFiles());
  for (const message of messages) process.stdout.write(`${message}\n`);
  process.stdout.write(`${messages.length} untidy places\n`);
  process.exitCode = messages.length > 0 ? 1 : 0;
}
