/** What stands in the fenced blocks of a document of docs/, so that tests run what readers paste. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCS = join(import.meta.dirname, '../../docs');
/** How the documents write a cloud's address. */
const WRITTEN = 'http://127.0.0.1:5006';

/** Texts of the blocks of one language in the order of the document, with the address of a real cloud. */
export function blocksOf(document: string, language: string, url: string): string[] {
  const text = readFileSync(join(DOCS, document), 'utf8');
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, its]) => its === language)
    .map(([, , body]) => (body as string).replaceAll(WRITTEN, url));
}

/** The lines of shell blocks that call curl. */
export function curlLines(document: string, url: string): string[] {
  return blocksOf(document, 'sh', url)
    .flatMap((block) => block.split('\n'))
    .filter((line) => line.startsWith('curl '));
}
