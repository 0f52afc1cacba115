/** Asks a subcommand that says one thing and ends: which households to replay, what a scenario will be run as. */
import { spawn } from 'node:child_process';
import type { PlanEvent, SampleEvent } from '../common/child-events.ts';
import { processVariables } from '../common/config.ts';

export type Asked<T> = { kind: 'said'; event: T } | { kind: 'stopped' } | { kind: 'failed'; exitCode: number; message: string };

/** Has the synthetic households made, which happens once per machine, and says where they are. */
export function askSample(command: readonly string[], signal: AbortSignal): Promise<Asked<SampleEvent>> {
  return ask<SampleEvent>('sample', command, signal);
}

/** Has the scenario file checked. */
export function askPlan(command: readonly string[], signal: AbortSignal): Promise<Asked<PlanEvent>> {
  return ask<PlanEvent>('plan', command, signal);
}

/** @param command a command line that prints the event as JSON and ends */
function ask<T extends { event: string }>(name: T['event'], command: readonly string[], signal: AbortSignal): Promise<Asked<T>> {
  const [program = '', ...args] = command;
  const env = { ...processVariables(), FOGLINE_CHILD_OF_RUN: '1' };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { detached: true, stdio: 'pipe', env });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    child.once('error', reject);
    child.once('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) return resolve({ kind: 'stopped' });
      if (code !== 0) return resolve({ kind: 'failed', exitCode: code ?? 1, message: stderr.trim().replace(/^fogline: /, '') });
      const event = eventIn<T>(stdout, name);
      if (event === undefined) reject(new Error(`fogline ${name} ended well and did not say what was asked`));
      else resolve({ kind: 'said', event });
    });
  });
}

function eventIn<T extends { event: string }>(stdout: string, name: T['event']): T | undefined {
  for (const line of stdout.split('\n')) {
    if (!line.startsWith('{')) continue;
    const event = JSON.parse(line) as T;
    if (event.event === name) return event;
  }
  return undefined;
}
