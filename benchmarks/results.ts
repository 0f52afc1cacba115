/** The table of figures in RESULTS.md: `npm run bench` writes it, a question's rows at a time; the rest of the file is left alone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { type Figure, promiseText, valueText } from './question.ts';

const BEGIN = '<!-- written by npm run bench, from here -->';
const END = '<!-- to here -->';
const HEAD = '| question | what | figure | promise | taken |\n| --- | --- | --- | --- | --- |';

/** e.g. `2 cores (AMD EPYC), 24 GiB, linux x64, Node 20.20.2` */
export function machineClass(): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  // The class, not the item: figures are compared between machines like this one.
  const family = model
    .replace(/\((R|TM)\)|\bCPU\b|\bProcessor\b|\d+-Core|@.*$/gi, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${family}), ${gib} GiB, ${platform()} ${arch()}, Node ${process.versions.node}`;
}

/**
 * @param taken when, and on how busy a machine
 * @returns the file's text with the question's rows replaced; rows of another class of machine go
 */
export function withFigures(text: string, machine: string, question: string, figures: readonly Figure[], taken: string): string {
  const [before, after] = textAround(text);
  const held = text.slice(before.length, text.length - after.length).split('\n');
  const isSameMachine = held.includes(machineLine(machine));
  const others = held.filter((line) => /^\| (?!question|---)/.test(line) && !line.startsWith(`| ${question} |`));
  const own = figures.map((figure) => `| ${question} | ${figure.what} | ${valueText(figure)} | ${promiseText(figure)} | ${taken} |`);
  const rows = [...(isSameMachine ? others : []), ...own].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0));
  return `${before}${[BEGIN, '', machineLine(machine), '', HEAD, ...rows, '', END].join('\n')}${after}`;
}

export function saveFigures(path: string, question: string, figures: readonly Figure[], taken: string): void {
  writeFileSync(path, withFigures(readFileSync(path, 'utf8'), machineClass(), question, figures, taken));
}

function machineLine(machine: string): string {
  return `Machine: ${machine}.`;
}

/** What comes before and after the table; a file without one gets it at its end. */
function textAround(text: string): [before: string, after: string] {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) return [`${text.trimEnd()}\n\n`, '\n'];
  return [text.slice(0, begin), text.slice(end + END.length)];
}

function nameOf(row: string): string {
  return row.split('|')[1]?.trim() ?? '';
}
