/** What a state directory says of its run: where it begins, which rows were set aside, where its cloud server listens. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { START } from '../common/installation.ts';
import { OperatingError } from '../common/errors.ts';

export interface RunState {
  t0Ms: number;
  startSeconds: number;
  loop: boolean;
  passMs: number;
  /** Households that the simulator set aside, with the reason. */
  parked: Readonly<Record<string, string>>;
  /** Households whose files are replayed, with the first source of each. */
  sources: Readonly<Record<string, string | null>>;
  /** Of a scenario file: then readings of other households are those of models. */
  scenario?: string;
}

/** At this size the simulator stops writing rows down and only counts them. */
const QUARANTINE_FULL_BYTES = 64 << 20;

/** @throws OperatingError DATA_UNREADABLE when nothing was replayed into this state */
export function readRunState(stateDir: string): RunState {
  const path = join(stateDir, 'simulator', 'identity.json');
  try {
    const { sources = {}, ...others } = JSON.parse(readFileSync(path, 'utf8')) as Omit<RunState, 'sources'> &
      Partial<Pick<RunState, 'sources'>>;
    return { ...others, sources };
  } catch (cause) {
    throw new OperatingError('DATA_UNREADABLE', `${path} can not be read, so nothing is known of the run in ${stateDir}`, {
      retryable: false,
      hint: `give --state the folder of a run: ${START} makes one`,
      cause,
    });
  }
}

/** No files are replayed: all readings are those of models. */
export function isOfModels({ scenario, sources }: RunState): boolean {
  return scenario !== undefined && Object.keys(sources).length === 0;
}

/** Lines set aside, by file name; undefined when the table is full and does not hold all. */
export function readQuarantine(stateDir: string): Map<string, Set<number>> | undefined {
  const path = join(stateDir, 'simulator', 'quarantine.jsonl');
  const lines = new Map<string, Set<number>>();
  if (!existsSync(path)) return lines;
  if (statSync(path).size >= QUARANTINE_FULL_BYTES) return undefined;
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    const row = parsed(text) as { file?: string; line?: number } | undefined;
    if (typeof row?.file !== 'string' || typeof row.line !== 'number') continue;
    const name = basename(row.file);
    let known = lines.get(name);
    if (known === undefined) lines.set(name, (known = new Set()));
    known.add(row.line);
  }
  return lines;
}

/** Of a run that is going on here, or was killed; undefined without one. */
export function urlOfRun(stateDir: string): string | undefined {
  const path = join(stateDir, 'run.lock');
  if (!existsSync(path)) return undefined;
  const { url } = (parsed(readFileSync(path, 'utf8')) ?? {}) as { url?: string };
  return url === undefined || url === '' ? undefined : url;
}

/** Where the synthetic households are that a run without --data replays; undefined when there are none. */
export function syntheticFolder(stateDir: string): string | undefined {
  let top = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(top, 'package.json')) && dirname(top) !== top) top = dirname(top);
  return [join(top, 'data/sample'), join(stateDir, 'sample')].find((dir) => existsSync(join(dir, 'synthetic.json')));
}

/** What is half written, or nothing of ours, is as if it were not there. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
