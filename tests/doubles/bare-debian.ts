/**
 * A bare Debian of its own: a root folder as debootstrap makes it, and processes in it that see nothing of this machine but
 * its network. What runs in it is in mount and process namespaces: when the one first process ends, however, the kernel ends all others
 * and no mount is left.
 *
 * The root is made once and kept as a tar file in the cache. It is of the Debian release that runs here, so that what was compiled here
 * finds its libraries there. No systemd runs in it and nothing is started when a package is installed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptWays, debianCodename, debianMirrors } from './apt-mirrors.ts';

/** Packages come over a network that may be slow; the test that waits for them has a limit of its own. */
const MAKING_MS = 600_000;
const COMMAND_MS = 300_000;
/** Raised when roots are made in another way, so that no old one is taken. */
const RECIPE = 1;
/** What was written before the exit may be in the pipes still; whoever goes on in the background holds them open. */
const LAST_WORDS_MS = 500;
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

/** False where a bare Debian can be had, else why the test is skipped. */
export const noBareDebian: string | false = whyNot();

function whyNot(): string | false {
  if (process.platform !== 'linux' || !existsSync('/etc/os-release') || debianCodename() === undefined) return 'this is no Debian';
  if (process.getuid?.() !== 0) return 'a bare Debian root can be made by root only';
  if (spawnSync('debootstrap', ['--version']).status !== 0) return 'debootstrap is not installed (package debootstrap)';
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0) return 'this machine has no namespaces of its own to give';
  return false;
}

export interface Outcome {
  /** Exit code; null when it was ended. */
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Readonly<Record<string, string>>;
  timeoutMs?: number;
  /** A process of this machine whose network it has; this machine's unless given. */
  networkOf?: number;
}

export class BareDebian {
  private root = '';
  private first: ChildProcess | undefined;
  /** Of the first process, as this machine counts. */
  private firstPid = 0;

  /** The root folder, as this machine sees it. */
  get folder(): string {
    assert(this.root !== '', 'the bare Debian is not started');
    return this.root;
  }

  async start(): Promise<void> {
    const tar = await cachedRoot();
    this.root = mkdtempSync(join(tmpdir(), 'fogline-bare-debian-'));
    try {
      await finish('tar', ['--extract', '--file', tar, '--directory', this.root, '--numeric-owner'], MAKING_MS);
      // mkdtemp made it for its owner only; users of the root pass through it.
      chmodSync(this.root, 0o755);
      this.copyWaysOut();
      await this.startFirst();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** @param inside absolute path in the root */
  path(inside: string): string {
    return join(this.folder, inside);
  }

  /** A file or folder of this machine, with its modes. */
  async copyIn(outside: string, inside: string): Promise<void> {
    mkdirSync(join(this.path(inside), '..'), { recursive: true });
    await finish('cp', ['--archive', '--no-preserve=ownership', '--no-target-directory', outside, this.path(inside)], COMMAND_MS);
  }

  /** Runs a bash script as root of the bare Debian and wants exit code 0. */
  async run(script: string, options: RunOptions = {}): Promise<string> {
    const outcome = await this.attempt(script, options);
    assert.equal(outcome.status, 0, `in the bare Debian: ${script}\n${outcome.stdout}\n${outcome.stderr}`);
    return outcome.stdout;
  }

  /** Runs a bash script as root of the bare Debian; what it leaves in the background goes on. */
  attempt(script: string, { env = {}, timeoutMs = COMMAND_MS, networkOf }: RunOptions = {}): Promise<Outcome> {
    return outcomeOf(this.spawn(script, env, networkOf), timeoutMs);
  }

  /** The same without waiting: stdin is closed, stdout and stderr are pipes. Ending the child does not end what it runs inside. */
  spawn(script: string, env: Readonly<Record<string, string>> = {}, networkOf?: number): ChildProcess {
    const network = networkOf === undefined ? [] : [`--net=/proc/${networkOf}/ns/net`];
    const args = ['--target', String(this.firstPid), '--mount', '--pid', ...network, '--root', '--wdns=/', '--'];
    return spawn('nsenter', [...args, '/bin/bash', '-euo', 'pipefail', '-c', script], {
      env: { ...bareEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Ends everything in it and removes it. */
  async stop(): Promise<void> {
    const { first, root } = this;
    this.first = undefined;
    if (first !== undefined && first.exitCode === null && first.signalCode === null) {
      const exited = new Promise((resolve) => first.once('exit', resolve));
      // The kernel ends the rest with it; unshare ends its child when it ends itself.
      if (this.firstPid > 0) process.kill(this.firstPid, 'SIGKILL');
      else first.kill('SIGKILL');
      await exited;
    }
    this.root = '';
    if (root !== '') await finish('rm', ['--recursive', '--force', '--one-file-system', root], COMMAND_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** What leads to the mirrors: names, apt's proxies, and who is trusted where a proxy answers for them. */
  private copyWaysOut(): void {
    for (const file of ['/etc/resolv.conf', '/etc/hosts']) if (existsSync(file)) copyFileSync(file, this.path(file));
    const codename = debianCodename() ?? '';
    const lines = debianMirrors(codename).map(({ url, suite }) => `deb ${url} ${suite} main`);
    writeFileSync(this.path('/etc/apt/sources.list'), `${lines.join('\n')}\n`);
    writeFileSync(this.path('/etc/apt/apt.conf.d/90ways'), aptWays());
    // As in every container: nothing is started because it was installed.
    writeFileSync(this.path('/usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  }

  private async startFirst(): Promise<void> {
    const args = [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child=SIGKILL',
      '--propagation',
      'private',
      '/bin/bash',
      '-euc',
      FIRST,
      'first',
      this.root,
    ];
    const first = spawn('unshare', args, { env: bareEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    this.first = first;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      first.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      first.once('exit', (code) => reject(new Error(`the bare Debian did not start (${code}): ${said}`)));
      first.stdout?.setEncoding('utf8').once('data', () => resolve());
    });
    const children = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, 'utf8').trim();
    this.firstPid = Number(children);
    assert(this.firstPid > 0, `unshare has one child, not "${children}"`);
  }
}

/**
 * Mounts what programs expect, makes the folder the root, lets go of the old one, says so, and waits until its stdin is closed: that is
 * when the test ends, however. As the first process it also takes in what others leave behind.
 */
const FIRST = `
root="$1"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=16m tmpfs "$root/dev"
for name in null zero full random urandom tty; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755,size=64m tmpfs "$root/run"
mkdir "$root/run/lock"; chmod 1777 "$root/run/lock"
cd "$root"
mkdir -p old
pivot_root . old
umount --lazy /old
rmdir /old
echo started
exec /bin/bash -c 'read -r _ || exit 0'
`;

/** Nothing of this machine's environment but how to get out. */
function bareEnvironment(): Record<string, string> {
  const ways = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: path, HOME: '/root', LANG: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...Object.fromEntries(ways) };
}

/** @returns the tar file of a bare root, made when there is none */
async function cachedRoot(): Promise<string> {
  const codename = debianCodename() ?? '';
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fogline-ci');
  const tar = join(cache, `bare-debian-${codename}-${process.arch}-${RECIPE}.tar`);
  if (existsSync(tar)) return tar;
  const mirror = debianMirrors(codename).find(({ suite }) => suite === codename);
  assert(mirror !== undefined, `apt of this machine has no mirror of ${codename} with component main`);
  mkdirSync(cache, { recursive: true });
  // Two tests may make one at once: each its own, and the last one stays.
  const making = mkdtempSync(join(cache, 'making-bare-debian-'));
  try {
    const root = join(making, 'root');
    await finish('debootstrap', ['--variant=minbase', codename, root, mirror.url], MAKING_MS);
    const trusted = '/etc/ssl/certs/ca-certificates.crt';
    if (existsSync(trusted)) {
      mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
      copyFileSync(trusted, join(root, trusted));
    }
    rmSync(join(root, 'var/cache/apt/archives'), { recursive: true, force: true });
    mkdirSync(join(root, 'var/cache/apt/archives/partial'), { recursive: true });
    const made = join(making, 'root.tar');
    await finish('tar', ['--create', '--file', made, '--directory', root, '--numeric-owner', '--sort=name', '.'], MAKING_MS);
    renameSync(made, tar);
  } finally {
    await finish('rm', ['--recursive', '--force', '--one-file-system', making], COMMAND_MS);
  }
  return tar;
}

/** Runs a program of this machine and wants exit code 0. */
async function finish(program: string, args: readonly string[], timeoutMs: number): Promise<void> {
  const { status, stdout, stderr } = await outcomeOf(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }), timeoutMs);
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}\n${stderr}`);
}

/** When it exits, not when its pipes are closed. */
function outcomeOf(child: ChildProcess, timeoutMs: number): Promise<Outcome> {
  const outcome: Outcome = { status: null, stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      if (outcome[name].length < OUTPUT_LIMIT_BYTES) outcome[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      outcome.stderr += `\nended: not done after ${timeoutMs} ms`;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      outcome.status = code;
      const late = setTimeout(() => child.stdout?.destroy() && child.stderr?.destroy(), LAST_WORDS_MS);
      child.once('close', () => {
        clearTimeout(late);
        resolve(outcome);
      });
    });
  });
}
