/** Where this machine gets its Debian packages from, as its apt is set up: a bare root gets them from there too. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One suite of a mirror, with component main. */
export interface Mirror {
  url: string;
  /** e.g. bookworm, bookworm-security */
  suite: string;
}

/** Name of the Debian release that runs here, e.g. bookworm; undefined where it is another system. */
export function debianCodename(osRelease = readFileSync('/etc/os-release', 'utf8')): string | undefined {
  const value = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1];
  return value('ID') === 'debian' ? value('VERSION_CODENAME') : undefined;
}

/** Mirrors of the release and of its updates; sources of others are left out. */
export function debianMirrors(codename: string, folder = '/etc/apt'): Mirror[] {
  const parts = join(folder, 'sources.list.d');
  const files = [join(folder, 'sources.list'), ...(existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [])];
  const found = files
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      return file.endsWith('.sources') ? stanzaMirrors(text) : lineMirrors(text);
    });
  const suites = new Set([codename, `${codename}-updates`, `${codename}-security`]);
  const seen = new Set<string>();
  return found.filter(({ url, suite }) => suites.has(suite) && !seen.has(`${url} ${suite}`) && seen.add(`${url} ${suite}`));
}

/** `deb [options] url suite component …` */
function lineMirrors(text: string): Mirror[] {
  return text.split('\n').flatMap((line) => {
    const [, url, suite, components] = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return url !== undefined && suite !== undefined && components?.split(/\s+/).includes('main') === true ? [{ url, suite }] : [];
  });
}

/** `Types:`, `URIs:`, `Suites:`, `Components:`, stanzas with an empty line between. */
function stanzaMirrors(text: string): Mirror[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const words = (key: string) => new RegExp(`^${key}:(.*)$`, 'mi').exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
    if (!words('Types').includes('deb') || !words('Components').includes('main') || words('Enabled').includes('no')) return [];
    return words('URIs').flatMap((url) => words('Suites').map((suite) => ({ url, suite })));
  });
}

/** The ways of this machine's apt through a proxy, as lines of a file of settings. */
export function aptWays(): string {
  const { stdout } = spawnSync('apt-config', ['dump', 'Acquire'], { encoding: 'utf8' });
  const lines = (stdout ?? '').split('\n').filter((line) => /^Acquire::(https?::|Check-|Retries)/.test(line) && !line.endsWith('"";'));
  return `${lines.join('\n')}\n`;
}
