/** What the machine's process table says of a process: CPU time, memory, children. Linux only, as the crash tests are. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

export interface FoundProcess {
  pid: number;
  /** The subcommand of ours that it runs, e.g. `edge`; else the program's name. */
  name: string;
}

/** The process and all below it. One that ends meanwhile is left out. */
export function processesUnder(root: number): FoundProcess[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = fieldsOf(pid)?.[1];
    if (parent !== undefined) parents.set(pid, Number(parent));
  }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found.flatMap((pid) => {
    const name = nameOf(pid);
    return name === undefined ? [] : [{ pid, name }];
  });
}

/** Seconds of CPU used so far, undefined when it has ended. */
export function cpuSecondsOf(pid: number): number | undefined {
  const fields = fieldsOf(pid);
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory now, undefined when it has ended. */
export function rssMbOf(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
}

/** The largest resident memory so far, undefined when it has ended. */
export function rssMbMaxOf(pid: number): number | undefined {
  const kilobytes = /^VmHWM:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
}

/** The fields after the program's name, from `state` on. */
function fieldsOf(pid: number): string[] | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function nameOf(pid: number): string | undefined {
  const words = textOf(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  if (words[0] === undefined || words[0] === '') return undefined;
  const entry = words.findIndex((word) => /(fogline\.js|start\.mjs)$/.test(word));
  return entry < 0 ? words[0].split('/').at(-1) : words[entry + 1];
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
