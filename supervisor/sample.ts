/** Has the synthetic households made, which happens once per machine, and says where they are. */
import { spawn } from 'node:child_process';
import { processVariables } from '../common/config.ts';
import { ConfigError } from '../common/errors.ts';

export type SampleResult = { kind: 'made'; dir: string } | { kind: 'stopped' } | { kind: 'failed'; exitCode: number; message: string };

/** @param command a command line that prints `{"event":"sample","dir":"…"}` and ends */
export function makeSample(command: readonly string[], signal: AbortSignal): Promise<SampleResult> {
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
      if (code !== 0) return resolve({ kind: 'failed', exitCode: code ?? 1, message: stderr.trim() });
      const dir = sampleDir(stdout);
      if (dir === undefined)
        reject(new ConfigError('the synthetic households were not made', 'give a folder of households with --data DIR'));
      else resolve({ kind: 'made', dir });
    });
  });
}

function sampleDir(stdout: string): string | undefined {
  for (const line of stdout.split('\n')) {
    if (!line.startsWith('{')) continue;
    const event = JSON.parse(line) as { event?: string; dir?: string };
    if (event.event === 'sample' && typeof event.dir === 'string') return event.dir;
  }
  return undefined;
}
