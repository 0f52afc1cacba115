import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Whether a process is there, zombies not counted. */
export function isAlive(pid: number): boolean {
  return !['', 'Z'].includes(stateOf(pid));
}

/** Whether a process stands still where it is, by SIGSTOP. */
export function isStopped(pid: number): boolean {
  return stateOf(pid) === 'T';
}

/** Processes and threads of the whole machine that run now or wait for a core, this one among them. */
export function wantingCores(): number {
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[3]?.split('/')[0]);
}

/** The kernel's letter; empty when there is no such process. */
function stateOf(pid: number): string {
  try {
    return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** True while the process has the file open that is at this path now; one that was moved elsewhere is not. */
export function holdsOpen(pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => targetOf(`${folder}/${fd}`) === path);
  } catch {
    return false;
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    // Closed meanwhile.
    return undefined;
  }
}
