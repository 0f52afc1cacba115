/**
 * `npm run release`: what a machine without compiler, npm and sources needs to run Fogline, as one file beside its checksum:
 * release/fogline-VERSION-PLATFORM-ARCH.tar.gz and …tar.gz.sha256. It holds the program, its packages with the addons that were compiled
 * here, the pages, deploy/ with the script that installs it, and release.json. Node is not in it.
 *
 * Packed twice out of the same tree it is the same file: names are sorted, times and owners are fixed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Times in the tar file; any fixed one. */
const PACKED_AT = '2000-01-01T00:00:00Z';
const WHOLE = ['dist', 'deploy', 'config.ini', 'README.md', 'CHANGELOG.md', 'docs'] as const;
/** For who works on the code; nobody reads them on a host. */
const DOCS_LEFT_OUT = /^docs\/(screenshots|decisions|STYLE\.md|ARCHITECTURE\.md|testing\.md)(\/|$)/;
/** What addons are compiled from and with. What is loaded is build/Release/NAME.node. */
const ADDON_LEFT_OUT = /^(deps|src|test|examples|build\/(?!Release$|Release\/[^/]+\.node$))|^build\/Release\/test_/;
const LEFT_OUT_EVERYWHERE = /\.(d\.[cm]?ts|map|[cm]?ts)$/;

/** release.json: what install.sh has to know before it lets a release run. */
export interface ReleaseFacts {
  version: string;
  platform: string;
  arch: string;
  /** Oldest Node, and the number of the interface that the addons were compiled for: another Node can't load them. */
  node: { atLeast: string; abi: string };
  /** Newest schema that this release reads, by file below a state folder. */
  schemas: Readonly<Record<string, number>>;
}

interface Lock {
  packages: Readonly<Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>>;
}

/**
 * @param top a tree with dist/ as built, node_modules and package-lock.json
 * @param out made if it is missing
 * @returns path of the tar file
 */
export async function makeRelease(top: string, out: string): Promise<string> {
  const { version, ...about } = readJson<{ version: string } & Record<string, unknown>>(join(top, 'package.json'));
  if (!existsSync(join(top, 'dist', 'fogline.js'))) throw new Error('the program is not built: run npm ci');
  const staging = mkdtempSync(join(tmpdir(), 'fogline-release-'));
  const name = `fogline-${version}`;
  const folder = join(staging, name);
  try {
    mkdirSync(folder);
    copyTree(top, folder);
    const packages = productionPackages(top);
    for (const path of packages) copyPackage(top, path, folder);
    const facts = await factsOf(folder, version, about['engines']);
    const kept = ['name', 'description', 'private', 'license', 'type', 'engines', 'bin', 'dependencies', 'optionalDependencies'];
    writeJson(join(folder, 'package.json'), { version, ...Object.fromEntries(kept.map((key) => [key, about[key]])) });
    writeJson(join(folder, 'release.json'), facts);
    tryOut(folder);
    mkdirSync(out, { recursive: true });
    return pack(staging, name, join(out, `${name}-${facts.platform}-${facts.arch}.tar.gz`));
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function copyTree(top: string, folder: string): void {
  for (const name of WHOLE) {
    if (!existsSync(join(top, name))) continue;
    cpSync(join(top, name), join(folder, name), { recursive: true, filter: (path) => !DOCS_LEFT_OUT.test(relative(top, path)) });
  }
}

/** Paths below the top of what runs in production, as the lock file has them. What is optional may be absent. */
export function productionPackages(top: string): string[] {
  const { packages } = readJson<Lock>(join(top, 'package-lock.json'));
  const wanted = Object.entries(packages).filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true);
  const absent = wanted.filter(([path, { optional }]) => optional !== true && !existsSync(join(top, path)));
  if (absent.length > 0) throw new Error(`${absent.map(([path]) => path).join(', ')} not installed: run npm ci`);
  return wanted.map(([path]) => path).filter((path) => existsSync(join(top, path)));
}

function copyPackage(top: string, path: string, folder: string): void {
  const from = join(top, path);
  const isAddon = existsSync(join(from, 'binding.gyp'));
  const filter = (file: string) => {
    const inside = relative(from, file);
    // Packages inside have a line of their own in the lock file.
    if (inside === 'node_modules') return false;
    return !(isAddon && ADDON_LEFT_OUT.test(inside)) && !(LEFT_OUT_EVERYWHERE.test(inside) && statSync(file).isFile());
  };
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  cpSync(from, join(folder, path), { recursive: true, dereference: true, filter });
}

async function factsOf(folder: string, version: string, engines: unknown): Promise<ReleaseFacts> {
  const built = (path: string) => import(pathToFileURL(join(folder, 'dist', path)).href) as Promise<Record<string, unknown>>;
  const { SCHEMA_VERSION: series } = await built('cloud/server/storage/migrations/migrate.js');
  const { MIGRATIONS: outbox } = await built('edge/server/outbox-schema.js');
  const { MIGRATIONS: broker } = await built('common/broker/broker-schema.js');
  const { VERSION: said } = await built('common/version.js');
  if (said !== version) throw new Error(`dist/ says version ${String(said)}, package.json ${version}: run npm ci`);
  if (typeof series !== 'number' || !Array.isArray(outbox) || !Array.isArray(broker)) throw new Error('a schema has no number in dist/');
  return {
    version,
    platform: process.platform,
    arch: process.arch,
    node: {
      atLeast: oldestNode(String((engines as { node?: string } | undefined)?.node), process.versions.node),
      abi: process.versions.modules,
    },
    schemas: { 'cloud/series.db': series, 'edge/outbox.db': outbox.length, 'broker/broker.db': broker.length },
  };
}

/**
 * @param engines of package.json, `^20.19.0 || ^22.12.0`
 * @returns the oldest Node of the same major version that the packages run on
 */
export function oldestNode(engines: string, version: string): string {
  const [major] = version.split('.');
  const oldest = engines
    .split(' || ')
    .map((range) => range.replace(/^\^/, ''))
    .find((its) => its.split('.')[0] === major);
  if (oldest === undefined)
    throw new Error(`Node ${version} is not one of package.json's engines, ${engines}: npm ci and npm run release with one`);
  return oldest;
}

/** What was left out is not missed: addons load from what was packed, and the program starts. */
function tryOut(folder: string): void {
  const script = `
    const Database = (await import('better-sqlite3')).default;
    new Database(':memory:').prepare('SELECT 1').get();
    await import('nanomsg').catch((error) => { if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error; });`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync(process.execPath, [join(folder, 'dist', 'fogline.js'), '--help'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

function pack(staging: string, name: string, file: string): string {
  const making = `${file}.${process.pid}`;
  const sorted = ['--sort=name', `--mtime=${PACKED_AT}`, '--owner=0', '--group=0', '--numeric-owner', '--mode=u+rwX,go+rX,go-w'];
  const args = [
    '--create',
    ...sorted,
    '--format=gnu',
    '--use-compress-program=gzip --no-name -6',
    '--file',
    making,
    '--directory',
    staging,
  ];
  const { status, stderr } = spawnSync('tar', [...args, name], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tar (of GNU) can't pack: ${stderr}`);
  const hash = createHash('sha256').update(readFileSync(making)).digest('hex');
  writeFileSync(`${file}.sha256`, `${hash}  ${file.split('/').at(-1)}\n`);
  renameSync(making, file);
  return file;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

function writeJson(path: string, value: object): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const top = fileURLToPath(new URL('..', import.meta.url));
  const file = await makeRelease(top, join(top, 'release'));
  process.stdout.write(`${relative(top, file)}: ${(statSync(file).size / 1_000_000).toFixed(1)} MB\n`);
}
