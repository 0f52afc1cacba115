/**
 * The process group of a started simulator: its command, and whatever that starts in turn. A group that is watched over does not outlive
 * this process: its end of whatever kind, and a signal that ends it, end the group first. What does not happen: SIGKILL of this process
 * can't be seen, and a signal that the program listens to itself is its own affair, as is what it does about it.
 */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const watched = new Set<ProcessGroup>();

export class ProcessGroup {
  private readonly leader: number;

  /** @param leader pid of the process that leads it */
  constructor(leader: number) {
    this.leader = leader;
  }

  watchOver(): void {
    if (watched.size === 0) {
      process.on('exit', killAll);
      // In front of whoever listens only once, so that they are seen.
      for (const signal of ENDING_SIGNALS) process.prependListener(signal, endBy);
    }
    watched.add(this);
  }

  /** Nobody is left in it, or what is left is not ours to end. */
  get isEmpty(): boolean {
    return !this.send(0);
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.send(signal);
  }

  /** Whatever it consists of now is nobody's concern any more; its number may be given to others. */
  letGo(): void {
    if (!watched.delete(this) || watched.size > 0) return;
    process.off('exit', killAll);
    for (const signal of ENDING_SIGNALS) process.off(signal, endBy);
  }

  private send(signal: 'SIGTERM' | 'SIGKILL' | 0): boolean {
    try {
      return process.kill(-this.leader, signal);
    } catch {
      return false;
    }
  }
}

function killAll(): void {
  for (const group of watched) group.signal('SIGKILL');
}

/** Dies of the signal as it would have without this listener, after the groups. */
function endBy(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  killAll();
  for (const group of watched) group.letGo();
  process.kill(process.pid, signal);
}
