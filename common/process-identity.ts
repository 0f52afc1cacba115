/** Whether a process noted earlier is still the same one: pids are used again, a pid with its start time is not. */
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  pid: number;
  /** From the machine's process table, in its own unit; null where there is none to read. */
  startedAt: string | null;
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startedAt: tableEntry(pid)?.startedAt ?? null };
}

/** False also for a process that has ended and only waits to be buried by its parent. */
export function isAlive(identity: ProcessIdentity): boolean {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it is there, but somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const entry = tableEntry(identity.pid);
  if (entry === undefined) return true;
  return entry.state !== 'Z' && (identity.startedAt === null || identity.startedAt === entry.startedAt);
}

function tableEntry(pid: number): { state: string; startedAt: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything; the third follows its last bracket.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, startedAt] = [fields[0], fields[19]];
    return state === undefined || startedAt === undefined ? undefined : { state, startedAt };
  } catch {
    return undefined;
  }
}
