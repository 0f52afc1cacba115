/**
 * A host as deploy/install.sh finds it: a bare Debian, and in /srv what somebody has brought there: the script, releases, Node.
 * No systemd runs in it, so parts are started by the commands that the script prints.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BareDebian, type Outcome } from './bare-debian.ts';
import { logOf, startWalled } from './walled-part.ts';

const SCRIPT = fileURLToPath(new URL('../../deploy/install.sh', import.meta.url));
const PATIENT_MS = 60_000;
const LOOK_EVERY_MS = 100;

export class DebianHost {
  readonly debian = new BareDebian();
  private node = { url: '', sha256: '' };

  async start(): Promise<void> {
    await this.debian.start();
    await this.debian.copyIn(SCRIPT, '/srv/install.sh');
    const outside = mkdtempSync(join(tmpdir(), 'fogline-node-'));
    try {
      const tar = join(outside, 'node.tar');
      const prefix = `s,^,node/bin/,`;
      const folder = ['--directory', dirname(process.execPath), basename(process.execPath)];
      execFileSync('tar', ['--create', '--file', tar, '--transform', prefix, ...folder]);
      this.node = { url: 'file:///srv/node.tar', sha256: createHash('sha256').update(readFileSync(tar)).digest('hex') };
      await this.debian.copyIn(tar, '/srv/node.tar');
    } finally {
      rmSync(outside, { recursive: true, force: true });
    }
  }

  /** @param release a tar file of this machine, with its checksum beside it. @returns its path there */
  async bring(release: string): Promise<string> {
    const there = `/srv/${basename(release)}`;
    for (const end of ['', '.sha256']) await this.debian.copyIn(release + end, there + end);
    return there;
  }

  /** `install`, `upgrade`, …: with this machine's Node, unless `env` says another. */
  attempt(command: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const node = { FOGLINE_NODE_URL: this.node.url, FOGLINE_NODE_SHA256: this.node.sha256 };
    return this.debian.attempt(`bash /srv/install.sh ${command}`, { env: { ...node, ...env } });
  }

  /** @returns the commands that start what was set up */
  async install(command: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
    const { status, stdout, stderr } = await this.attempt(command, env);
    assert.equal(status, 0, `${command}: ${stdout}\n${stderr}`);
    return [...stdout.matchAll(/^fogline: start by hand: (.*)$/gm)].map(([, line = '']) => line);
  }

  /** A part by the command that the script printed; it says what it says in /srv/NAME.log. */
  startPart(line: string, name: string): ChildProcess {
    return this.debian.spawn(`exec ${line} >>/srv/${name}.log 2>&1`);
  }

  /** The same behind walls like those of its unit. */
  startWalled(line: string, name: string): ChildProcess {
    const [, program = ''] = line.split('runuser -u fogline -- ');
    const state = /--state (\S+)/.exec(program)?.[1];
    assert(program !== '' && state !== undefined, line);
    return startWalled(this.debian, { program, user: 'fogline', writable: [state], log: name });
  }

  /** What the part has said. */
  log(name: string): string {
    return logOf(this.debian, name);
  }

  /** SIGTERM, as systemd does it, and waits for the end. */
  async stopPart(line: string): Promise<void> {
    const program = line.slice(line.indexOf('-- ') + 3);
    const [pid] = await this.pidsOf(program);
    assert(pid !== undefined, `${program} does not run`);
    await this.debian.run(`kill -TERM ${pid}`);
    const endMs = performance.now() + PATIENT_MS;
    while ((await this.pidsOf(program)).length > 0) {
      assert(performance.now() < endMs, `${program} does not end`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Of programs, not of the shells and runusers before them. */
  private async pidsOf(program: string): Promise<string[]> {
    const look = 'for f in /proc/[0-9]*/cmdline; do echo "${f//[!0-9]/} $(tr "\\0" " " 2>/dev/null <$f)"; done || true';
    const lines = (await this.debian.run(look)).split('\n').map((line) => line.trim());
    return lines.filter((line) => line.replace(/^\d+ /, '') === program).map((line) => line.split(' ')[0] as string);
  }

  /** Everything the script may have made or changed, files with their times: the same where nothing was changed. */
  async snapshot(): Promise<string> {
    const places = '/etc/fogline /opt/fogline /usr/local/bin /etc/systemd/system /etc/redis /etc/passwd /etc/group';
    const inReleases = "-path '/opt/fogline/releases/*/*' -prune";
    const shown = "-type d -printf '%p %y %m %u %g\\n' -o -printf '%p %y %m %u %g %T@ %l\\n'";
    return this.debian.run(`find ${places} ${inReleases} -o ${shown} 2>/dev/null | sort || true`);
  }

  async stop(): Promise<void> {
    await this.debian.stop();
  }
}
